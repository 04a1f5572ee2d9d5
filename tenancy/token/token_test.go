package token

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"icehouse/deploy/testbed/jose"
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

// sign makes a token of any header and payload.
func sign(key []byte, header, payload string) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	signature, err := jwt.SigningMethodHS256.Sign(text, key)
	if err != nil {
		panic(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
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
		"exp beyond numbers":                  exp("1e400"),
		"exp a list":                          exp("[]"),
		"exp true":                            exp("true"),
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
		"blanks around":                       " " + node + " ",
		"a line break":                        parts[0] + ".\n" + parts[1] + "." + parts[2],
		"huge":                                claim(`"projectId":"cp","userId":"cn","x":"` + strings.Repeat("x", 9<<10) + `"`),
		"another alphabet":                    strings.NewReplacer("-", "+", "_", "/").Replace(must(k.Node("cp", "cn", "Us\u00ff\u00fe>?", time.Hour))) + "+",
	} {
		if claims, ok := k.Read(text, "cp"); ok && (claims.IsNode() || claims.IsTemporaryRoot() || claims.IsPlatform()) {
			t.Errorf("%s is taken for a token: %+v", name, claims)
		}
	}
	// The case of names counts: what is no claim is not read as one.
	if claims, _ := k.Read(claim(`"PROJECTID":"cp","UserId":"cn","ClientID":"cc"`), "cp"); claims != (Claims{Expires: true}) {
		t.Errorf("claims of another case are read: %+v", claims)
	}
}

func must2(key []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return key
}

// TestJose holds ours against a library of another hand: it takes what we sign and
// what it signs we take, and of mutated tokens none that it refuses is taken.
func TestJose(t *testing.T) {
	k := keys(t)
	projectKey, platformKey := must2(k.key(projectKid+"cp")), must2(k.key(platformKid))
	at := now.Unix()
	var questions []jose.Question
	ask := func(text string, key []byte) {
		questions = append(questions, jose.Question{Token: text, Key: hex.EncodeToString(key), Now: at})
	}
	ours := []string{must(k.Root("cp", "ct", "cc")), must(k.TemporaryRoot("cp")), must(k.Node("cp", "cn", "User", time.Hour)), must(k.Platform("cc"))}
	keyOf := [][]byte{projectKey, projectKey, projectKey, platformKey}
	for i, text := range ours {
		ask(text, keyOf[i])
	}
	for i, text := range ours { // each character turned into another in turn
		for at := range len(text) {
			c := byte('A')
			if text[at] == 'A' {
				c = 'B'
			}
			ask(text[:at]+string(c)+text[at+1:], keyOf[i])
		}
	}
	judged := len(questions)
	for _, claims := range []map[string]any{
		{"projectId": "cp", "userId": "cn", "modelName": "User", "iat": at, "exp": at + 60},
		{"projectId": "cp", "userId": "cn", "modelName": "User", "iat": at, "exp": at - 60},
		{"clientId": "cc", "iat": at},
		{"clientId": "_", "projectId": "cp", "permanentAuthTokenId": "ct", "iat": at, "exp": at + 300},
	} {
		for _, alg := range []string{"HS256", "HS384", "HS512"} {
			questions = append(questions, jose.Question{Claims: claims, Alg: alg, Key: hex.EncodeToString([]byte(secret + strings.Repeat(".", 48)))})
		}
	}
	long, err := NewKeys(secret+strings.Repeat(".", 48), k.now)
	if err != nil {
		t.Fatal(err)
	}
	taken := 0
	for i, answer := range jose.Ask(t, questions) {
		if i >= judged {
			expired := i >= judged+3 && i < judged+6
			if _, ok := long.Read(answer.Token, "cp"); ok != (questions[i].Alg == "HS256" && !expired) {
				t.Errorf("jose signed %v with %s: taken is %v", questions[i].Claims, questions[i].Alg, ok)
			}
			continue
		}
		_, ok := k.Read(questions[i].Token, "cp")
		if i < len(ours) && (!ok || !answer.Valid) {
			t.Errorf("%s: ours %v, jose %v %s", questions[i].Token, ok, answer.Valid, answer.Why)
		}
		if ok && !answer.Valid {
			t.Errorf("%s is taken; jose says %s", questions[i].Token, answer.Why)
		}
		if ok {
			taken++
		}
	}
	if taken != len(ours) {
		t.Errorf("%d tokens are taken, %d are ours", taken, len(ours))
	}
}

// FuzzRead: what is taken was signed.
func FuzzRead(f *testing.F) {
	k := keys(f)
	for _, text := range []string{must(k.Root("cp", "ct", "cc")), must(k.TemporaryRoot("cp")), must(k.Node("cp", "cn", "User", time.Hour)), must(k.Platform("cc"))} {
		f.Add(text)
	}
	f.Add(sign([]byte("guess"), plain, `{"clientId":"cc"}`))
	f.Fuzz(func(t *testing.T, text string) {
		claims, ok := k.Read(text, "cp")
		if !ok {
			return
		}
		for _, known := range []Claims{
			{ClientID: "cc", ProjectID: "cp", PermanentAuthTokenID: "ct"}, {ProjectID: "cp", UserID: "cn", ModelName: "User", Expires: true}, {ClientID: "cc"},
		} {
			if claims == known {
				return
			}
		}
		if !claims.IsTemporaryRoot() {
			t.Errorf("%q is taken: %+v", text, claims)
		}
	})
}
