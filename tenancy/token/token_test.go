package token

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"icehouse/tenancy"
)

const secret = "a secret of sixteen bytes"

var now = time.Date(2017, 11, 30, 12, 0, 0, 0, time.UTC)

func keys(t testing.TB) *Keys {
	t.Helper()
	k, err := NewKeys(secret, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func must(text string, err error) string {
	if err != nil {
		panic(err)
	}
	return text
}

func TestShortSecret(t *testing.T) {
	if _, err := NewKeys("short", time.Now); err == nil {
		t.Fatal("a secret that can be guessed is taken")
	}
}

func TestKinds(t *testing.T) {
	k := keys(t)
	for name, c := range map[string]struct {
		text                      string
		platform, temporary, node bool
	}{
		"platform":       {text: must(k.Platform("ccustomer")), platform: true},
		"root":           {text: must(k.Root("cproject", "ctoken", "ccustomer"))},
		"temporary root": {text: must(k.TemporaryRoot("cproject")), temporary: true},
		"node":           {text: must(k.Node("cproject", "cnode", "User", time.Hour)), node: true},
	} {
		claims, ok := k.Read(c.text, "cproject")
		if !ok || claims.IsPlatform() != c.platform || claims.IsTemporaryRoot() != c.temporary || claims.IsNode() != c.node {
			t.Errorf("%s: %v %+v", name, ok, claims)
		}
		if _, ok := k.Read(c.text, "cother"); ok != c.platform {
			t.Errorf("%s: for another project it is %v", name, ok)
		}
		if _, ok := k.Read(c.text, ""); ok != c.platform {
			t.Errorf("%s: for no project it is %v", name, ok)
		}
	}
}

func TestScopes(t *testing.T) {
	k := keys(t)
	for scopes, want := range map[Scopes]string{
		"": "read manage account data", "read": "read", "manage": "read manage", "account": "read account", "data": "data",
		"read data": "read data", "manage account": "read manage account", "unknown": "",
	} {
		claims, ok := k.Read(must(k.Session("cc", "cs", scopes, time.Time{})), "")
		var may []string
		for _, s := range []Scope{Read, Manage, Account, Data} {
			if claims.Scopes.Allow(s) {
				may = append(may, string(s))
			}
		}
		if got := strings.Join(may, " "); !ok || got != want || claims.Session != "cs" || !claims.IsPlatform() {
			t.Errorf("%q: %v %+v may %q", scopes, ok, claims, got)
		}
	}
	if s, ok := NewScopes(Data, Read, Data); s != "read data" || !ok {
		t.Error(s, ok)
	}
	if _, ok := NewScopes(Data, "everything"); ok {
		t.Error("an unknown scope is taken")
	}
	if _, ok := k.Read(must(k.Session("cc", "cs", "", now)), ""); ok {
		t.Error("a session whose time is over is taken")
	}
}

// sign makes a token of any header and payload.
func sign(key []byte, header, payload string) string {
	return resign(key, base64.RawURLEncoding.EncodeToString([]byte(header))+"."+base64.RawURLEncoding.EncodeToString([]byte(payload)))
}

const plain = `{"typ":"JWT","alg":"HS256"}`

// TestOldTokens reads tokens as they were before keys had names.
func TestOldTokens(t *testing.T) {
	k := keys(t)
	at := now.Unix()
	for payload, want := range map[string]Claims{
		fmt.Sprintf(`{"exp":%d,"iat":%d,"projectId":"cp","userId":"cn","modelName":"User"}`, at+60, at):              {ProjectID: "cp", UserID: "cn", ModelName: "User", Expires: true},
		fmt.Sprintf(`{"exp":%d,"iat":%d,"projectId":"cp","userId":"cn","authData":{"email":"a@b"}}`, at+60, at):      {ProjectID: "cp", UserID: "cn", ModelName: "User", Expires: true},
		fmt.Sprintf(`{"clientId":"cc","projectId":"cp","permanentAuthTokenId":"ct","iat":%d}`, at):                   {ClientID: "cc", ProjectID: "cp", PermanentAuthTokenID: "ct"},
		fmt.Sprintf(`{"clientId":"_","projectId":"cp","permanentAuthTokenId":"ct","iat":%d,"exp":%d.5}`, at, at+300): {ClientID: "_", ProjectID: "cp", PermanentAuthTokenID: "ct", Expires: true},
		fmt.Sprintf(`{"clientId":"cc","iat":%d}`, at):                                                                {ClientID: "cc"},
	} {
		if got, ok := k.Read(sign([]byte(secret), plain, payload), "cp"); !ok || got != want {
			t.Errorf("%s: %v %+v", payload, ok, got)
		}
	}
}

// TestHostileTokens are none.
func TestHostileTokens(t *testing.T) {
	k := keys(t)
	later := now.Add(time.Hour).Unix()
	good := fmt.Sprintf(`{"projectId":"cp","userId":"cn","modelName":"User","exp":%d}`, later)
	project := must2(k.key(projectKid + "cp"))
	other := must2(k.key(projectKid + "cq"))
	platform := must2(k.key(platformKid))
	kid := func(kid string) string { return fmt.Sprintf(`{"alg":"HS256","kid":%q}`, kid) }
	node := must(k.Node("cp", "cn", "User", time.Hour))
	parts := strings.Split(node, ".")
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
	exp := func(v string) string {
		return sign([]byte(secret), plain, `{"projectId":"cp","userId":"cn","modelName":"User","exp":`+v+`}`)
	}
	claim := func(c string) string {
		return sign([]byte(secret), plain, fmt.Sprintf(`{"exp":%d,%s}`, later, c))
	}
	for name, text := range map[string]string{
		"nothing": "", "dots": "..", "one part": parts[1], "two parts": parts[0] + "." + parts[1], "four parts": node + "." + parts[2],
		"no signature":                        parts[0] + "." + parts[1] + ".",
		"alg none":                            unsigned,
		"alg none with the signature":         unsigned + parts[2],
		"alg None":                            sign([]byte(secret), `{"alg":"None"}`, good),
		"alg hs256":                           sign([]byte(secret), `{"alg":"hs256"}`, good),
		"no alg":                              sign([]byte(secret), `{"typ":"JWT"}`, good),
		"a list of algs":                      sign([]byte(secret), `{"alg":["HS256"]}`, good),
		"HS384":                               must(jwt.NewWithClaims(jwt.SigningMethodHS384, jwt.MapClaims{"projectId": "cp", "userId": "cn", "exp": later}).SignedString([]byte(secret))),
		"HS512":                               must(jwt.NewWithClaims(jwt.SigningMethodHS512, jwt.MapClaims{"projectId": "cp", "userId": "cn", "exp": later}).SignedString([]byte(secret))),
		"RS256 in the header":                 sign([]byte(secret), `{"alg":"RS256"}`, good),
		"another secret":                      sign([]byte("another secret of bytes"), plain, good),
		"an empty key":                        sign(nil, plain, good),
		"an unknown kid":                      sign([]byte(secret), kid("x"), good),
		"an empty kid":                        sign([]byte(secret), kid(""), good),
		"a kid that is a path":                sign([]byte(""), kid("../../dev/null"), good),
		"a kid with a zero":                   sign(project, kid("p1.cp\x00"), good),
		"a kid in another script":             sign(project, kid("p1.ср"), good),
		"a kid that is a number":              sign([]byte(secret), `{"alg":"HS256","kid":1}`, good),
		"a kid that is null":                  sign([]byte(secret), `{"alg":"HS256","kid":null}`, good),
		"the kid of another project":          sign(other, kid("p1.cq"), good),
		"this kid, another's key":             sign(other, kid("p1.cp"), good),
		"this kid, the secret":                sign([]byte(secret), kid("p1.cp"), good),
		"the project's key, no kid":           sign(project, plain, good),
		"a node by the platform's key":        sign(platform, kid("c1"), good),
		"a platform token by a project's key": sign(project, kid("p1.cp"), `{"clientId":"cc"}`),
		"critical":                            sign([]byte(secret), `{"alg":"HS256","crit":["exp"]}`, good),
		"another project":                     claim(`"projectId":"cq","userId":"cn","modelName":"User"`),
		"expired":                             exp(fmt.Sprint(now.Unix() - 1)),
		"expiring now":                        exp(fmt.Sprint(now.Unix())),
		"exp as a text":                       exp(fmt.Sprintf("%q", fmt.Sprint(later))),
		"exp negative":                        exp("-1"),
		"exp zero":                            exp("0"),
		"exp huge":                            exp("1e300"),
		"exp in the year 10000":               exp("253402300800"),
		"exp beyond numbers":                  exp("1e400"),
		"exp a list":                          exp("[]"),
		"exp true":                            exp("true"),
		"exp null":                            sign([]byte(secret), plain, `{"projectId":"cp","userId":"cn","modelName":"User","exp":null}`),
		"exp an object":                       exp(`{"n":1}`),
		"exp a fraction that is over":         exp(fmt.Sprintf("%d.9", now.Unix()-1)),
		"exp infinite":                        exp("Infinity"),
		"exp with a leading zero":             exp(fmt.Sprintf("0%d", later)),
		"exp twice, once over":                exp(fmt.Sprintf("%d,%q:%d", now.Unix()-1, "exp", later)),
		"exp twice, once escaped":             exp(fmt.Sprintf(`%d,"\u0065xp":%d`, now.Unix()-1, later)),
		"iat negative":                        claim(`"projectId":"cp","userId":"cn","iat":-1`),
		"nbf null":                            claim(`"projectId":"cp","userId":"cn","nbf":null`),
		"modelName null":                      claim(`"projectId":"cp","userId":"cn","modelName":null`),
		"permanentAuthTokenId null":           claim(`"projectId":"cp","userId":"cn","permanentAuthTokenId":null`),
		"clientId null":                       claim(`"clientId":null,"projectId":"cp","permanentAuthTokenId":"ct"`),
		"a node and a root token in one":      claim(`"projectId":"cp","userId":"cn","modelName":"User","permanentAuthTokenId":"ct"`),
		"a node and a temporary one in one":   claim(`"clientId":"_","projectId":"cp","userId":"cn","permanentAuthTokenId":"ct"`),
		"a node and an account in one":        claim(`"clientId":"cc","projectId":"cp","userId":"cn"`),
		"an account's root token that ends":   claim(`"clientId":"cc","projectId":"cp","permanentAuthTokenId":"ct"`),
		"a root token of no project":          claim(`"clientId":"cc","permanentAuthTokenId":"ct"`),
		"an account of a project":             claim(`"clientId":"cc","projectId":"cp"`),
		"nobody's root token without an end":  sign([]byte(secret), plain, `{"clientId":"_","projectId":"cp","permanentAuthTokenId":"ct"}`),
		"a list of tokens":                    sign([]byte(secret), plain, `[`+good+`]`),
		"more behind the claims":              sign([]byte(secret), plain, good+`{}`),
		"nbf in the future":                   claim(fmt.Sprintf(`"projectId":"cp","userId":"cn","nbf":%d`, later)),
		"iat as a text":                       claim(`"projectId":"cp","userId":"cn","iat":"now"`),
		"userId a number":                     claim(`"projectId":"cp","userId":1`),
		"projectId a list":                    claim(`"projectId":["cp"],"userId":"cn"`),
		"modelName an object":                 claim(`"projectId":"cp","userId":"cn","modelName":{}`),
		"a claim twice":                       claim(`"projectId":"cq","projectId":"cp","userId":"cn"`),
		"exp twice":                           claim(fmt.Sprintf(`"exp":%d,"projectId":"cp","userId":"cn"`, later)),
		"no object":                           sign([]byte(secret), plain, `"cp"`),
		"null":                                sign([]byte(secret), plain, `null`),
		"no JSON":                             sign([]byte(secret), plain, `{`),
		"bytes that are no text":              sign([]byte(secret), plain, "{\"projectId\":\"cp\",\"userId\":\"\xff\"}"),
		"padding":                             parts[0] + "." + parts[1] + "." + parts[2] + "=",
		"padding of the claims":               resign(project, parts[0]+"."+parts[1]+"="),
		"padding of the header":               resign(project, parts[0]+"=."+parts[1]),
		"a line break in the signature":       node[:len(node)-4] + "\r\n" + node[len(node)-4:],
		"a line break at the end":             node + "\n",
		"an empty header":                     resign([]byte(secret), "."+parts[1]),
		"empty claims":                        resign([]byte(secret), parts[0]+"."),
		"a dot more in the middle":            parts[0] + ".." + parts[1] + "." + parts[2],
		"a dot before":                        "." + node,
		"a dot behind":                        node + ".",
		"the word Bearer before":              "Bearer " + node,
		"letters in another script":           strings.Replace(node, "e", "\u0435", 1),
		"a zero behind":                       node + "\x00",
		"bits that do not count":              sameBits(node),
		"blanks around":                       " " + node + " ",
		"a line break":                        parts[0] + ".\n" + parts[1] + "." + parts[2],
		"huge":                                claim(`"projectId":"cp","userId":"cn","x":"` + strings.Repeat("x", 9<<10) + `"`),
		"another alphabet":                    strings.NewReplacer("-", "+", "_", "/").Replace(must(k.Node("cp", "cn", "Us\u00ff\u00fe>?", time.Hour))) + "+",
	} {
		if claims, ok := k.Read(text, "cp"); ok && (claims.IsNode() || claims.IsTemporaryRoot() || claims.IsPlatform()) {
			t.Errorf("%s is taken for a token: %+v", name, claims)
		}
	}
	// What the system API is shown is shown for no project: a root token is no
	// account's there, with a project or without (LQ-D60).
	for _, text := range []string{
		must(k.Root("cp", "ct", "cc")), must(k.TemporaryRoot("cp")), node,
		claim(`"clientId":"cc","permanentAuthTokenId":"ct"`), claim(`"clientId":"cc","projectId":"cp","permanentAuthTokenId":"ct"`),
		sign(platform, kid("c1"), `{"clientId":"cc","permanentAuthTokenId":"ct"}`), sign(project, kid("p1.cp"), `{"clientId":"cc"}`), sign(must2(k.key(projectKid)), kid("p1."), `{"clientId":"cc"}`),
	} {
		if claims, ok := k.Read(text, ""); ok && claims.IsPlatform() {
			t.Errorf("%s is taken for an account's: %+v", text, claims)
		}
	}
	// The case of names counts: what is no claim is not read as one.
	if claims, _ := k.Read(claim(`"PROJECTID":"cp","UserId":"cn","ClientID":"cc"`), "cp"); claims != (Claims{Expires: true}) {
		t.Errorf("claims of another case are read: %+v", claims)
	}
}

// resign signs what stands before the signature, whatever it is.
func resign(key []byte, text string) string {
	signature, err := jwt.SigningMethodHS256.Sign(text, key)
	if err != nil {
		panic(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// sameBits changes the last letter so that lax readers decode it to the same bytes.
func sameBits(text string) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := len(text) - 1
	return text[:last] + string(letters[strings.IndexByte(letters, text[last])^1])
}

func must2(key []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return key
}

// FuzzRead: what is taken was signed as it stands.
func FuzzRead(f *testing.F) {
	k := keys(f)
	at := now.Unix()
	signed := map[string]tenancy.ProjectID{} // up to the signature
	// Each process of a fuzzing run makes the same tokens.
	temporary := must(k.sign(projectKid+"cp", payload{ClientID: nobody, ProjectID: "cp", PermanentAuthTokenID: "ct", Exp: k.after(time.Minute)}))
	for _, text := range []string{
		must(k.Root("cp", "ct", "cc")), temporary, must(k.Node("cp", "cn", "User", time.Hour)), must(k.Platform("cc")),
		sign([]byte(secret), plain, fmt.Sprintf(`{"exp":%d,"iat":%d,"projectId":"cp","userId":"cn"}`, at+60, at)), sign([]byte(secret), plain, `{"clientId":"cc"}`),
	} {
		if _, ok := k.Read(text, "cp"); !ok {
			f.Fatalf("%s is not taken", text)
		}
		signed[text[:strings.LastIndexByte(text, '.')]] = "cp"
		f.Add(text, "cp")
	}
	another := must(k.Node("cq", "cn", "User", time.Hour))
	signed[another[:strings.LastIndexByte(another, '.')]] = "cq"
	f.Add(another, "cp")
	f.Add(sign([]byte("guess"), plain, `{"clientId":"cc"}`), "cp")
	f.Fuzz(func(t *testing.T, text, project string) {
		claims, ok := k.Read(text, tenancy.ProjectID(project))
		if !ok {
			return
		}
		of, known := signed[text[:strings.LastIndexByte(text, '.')]]
		if !known {
			t.Errorf("%q is taken: %+v", text, claims)
		}
		if !claims.IsPlatform() && tenancy.ProjectID(project) != of {
			t.Errorf("%q is taken for %q: %+v", text, project, claims)
		}
	})
}
