package token

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"icehouse/deploy/testbed/jose"
)

func question(text string, key []byte) jose.Question {
	return jose.Question{Token: text, Key: hex.EncodeToString(key), Now: now.Unix()}
}

// TestJoseJudgesOurs: another library takes what we sign, and of mutations of it both
// take none.
func TestJoseJudgesOurs(t *testing.T) {
	k := keys(t)
	projectKey, platformKey := must2(k.key(projectKid+"cp")), must2(k.key(platformKid))
	type asked struct{ text, signed string }
	var texts []asked
	var questions []jose.Question
	for _, ours := range []struct {
		text string
		key  []byte
	}{
		{must(k.Root("cp", "ct", "cc")), projectKey}, {must(k.TemporaryRoot("cp")), projectKey},
		{must(k.Node("cp", "cn", "User", time.Hour)), projectKey}, {must(k.Platform("cc")), platformKey},
	} {
		for _, text := range append(mutations(ours.text), ours.text) {
			texts = append(texts, asked{text, ours.text})
			questions = append(questions, question(text, ours.key))
		}
	}
	for i, answer := range jose.Ask(t, questions) {
		text := texts[i].text
		_, ok := k.Read(text, "cp")
		if ok != (text == texts[i].signed) {
			t.Errorf("%q: taken is %v", text, ok)
		}
		if content := texts[i].signed[:strings.LastIndexByte(texts[i].signed, '.')+1]; answer.Valid != ok && (ok || !strings.HasPrefix(text, content)) {
			t.Errorf("%q: ours says %v, jose %v %s", text, ok, answer.Valid, answer.Why)
		}
	}
}

// mutations are a token with each of its letters turned into another, left out and
// doubled, and with its parts moved.
func mutations(text string) []string {
	parts := strings.Split(text, ".")
	out := []string{
		parts[1] + "." + parts[0] + "." + parts[2], parts[0] + "." + parts[2] + "." + parts[1], parts[0] + "." + parts[0] + "." + parts[2],
		text + "." + parts[2], strings.ToUpper(text), strings.ToLower(text), sameBits(text),
	}
	for at := range len(text) {
		c := "A"
		if text[at] == 'A' {
			c = "B"
		}
		out = append(out, text[:at]+c+text[at+1:], text[:at]+text[at+1:], text[:at]+text[at:at+1]+text[at:])
	}
	return out
}

// TestJoseJudgesClaims: of tokens that are signed rightly, both take the same. Where
// ours is stricter the table says so.
func TestJoseJudgesClaims(t *testing.T) {
	k := keys(t)
	at := now.Unix()
	const node = `"projectId":"cp","userId":"cn","modelName":"User"`
	claims := func(more string) string { return "{" + node + more + "}" }
	type signed struct {
		header, payload string
		stricter        bool
	}
	table := []signed{
		{plain, claims(""), false},
		{plain, claims(fmt.Sprintf(`,"exp":%d`, at+1)), false},
		{plain, claims(fmt.Sprintf(`,"exp":%d`, at)), false},
		{plain, claims(fmt.Sprintf(`,"exp":%d`, at-1)), false},
		{plain, claims(fmt.Sprintf(`,"exp":%d.5`, at+1)), false},
		{plain, claims(fmt.Sprintf(`,"exp":%d.5`, at)), true}, // a part of a second is left out
		{plain, claims(fmt.Sprintf(`,"exp":"%d"`, at+1)), false},
		{plain, claims(`,"exp":null`), false},
		{plain, claims(`,"exp":-1`), false},
		{plain, claims(`,"exp":0`), false},
		{plain, claims(`,"exp":1e300`), true}, // no year has that number
		{plain, claims(`,"exp":{}`), false},
		{plain, claims(fmt.Sprintf(`,"exp":%d,"exp":%d`, at-1, at+1)), true}, // no name twice
		{plain, claims(fmt.Sprintf(`,"nbf":%d`, at)), false},
		{plain, claims(fmt.Sprintf(`,"nbf":%d`, at-1)), false},
		{plain, claims(fmt.Sprintf(`,"nbf":%d`, at+1)), false},
		{plain, claims(`,"nbf":"x"`), false},
		{plain, claims(`,"nbf":null`), false},
		{plain, claims(fmt.Sprintf(`,"iat":%d`, at+10)), false},
		{plain, claims(`,"iat":"x"`), false},
		{plain, claims(`,"iat":null`), false},
		{plain, claims(`,"authData":{"email":"a@b"},"more":[1,null]`), false},
		{plain, claims(`,"clientId":1`), true}, // jose does not know our claims
		{plain, `[]`, false},
		{plain, `"x"`, false},
		{plain, `{`, false},
		{plain, ``, false},
		{`{"alg":"HS256"}`, claims(""), false},
		{`{"alg":"HS256","typ":"at+jwt"}`, claims(""), false},
		{`{"alg":"HS384"}`, claims(""), false},
		{`{"alg":"RS256"}`, claims(""), false},
		{`{"alg":"none"}`, claims(""), false},
		{`{"alg":null}`, claims(""), false},
		{`{"typ":"JWT"}`, claims(""), false},
		{`{"alg":"HS256","crit":["exp"]}`, claims(""), false},
		{`{"alg":"HS256","crit":[]}`, claims(""), false},
		{`{"alg":"HS256","crit":["b64"],"b64":false}`, claims(""), false},
		{`{"alg":"HS256","kid":"x"}`, claims(""), true}, // jose was given the key
		{`{"alg":"HS256","jwk":{"kty":"oct","k":"AA"},"jku":"http://x","x5u":"http://x"}`, claims(""), false},
		{`[]`, claims(""), false},
		{``, claims(""), false},
	}
	questions := make([]jose.Question, len(table))
	for i, c := range table {
		questions[i] = question(sign([]byte(secret), c.header, c.payload), []byte(secret))
	}
	taken := 0
	for i, answer := range jose.Ask(t, questions) {
		c := table[i]
		_, ok := k.Read(questions[i].Token, "cp")
		if want := answer.Valid && !c.stricter; ok != want || c.stricter && !answer.Valid {
			t.Errorf("%s %s: ours says %v, jose %v %s", c.header, c.payload, ok, answer.Valid, answer.Why)
		}
		if ok {
			taken++
		}
	}
	if taken == 0 {
		t.Error("none is taken")
	}
}

// TestJoseSigns: tokens as other software signs them, without kid, are taken.
func TestJoseSigns(t *testing.T) {
	long := secret + strings.Repeat(".", 48) // as long as HS512 wants it
	k, err := NewKeys(long, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	at := now.Unix()
	var questions []jose.Question
	for _, claims := range []map[string]any{
		{"projectId": "cp", "userId": "cn", "modelName": "User", "iat": at, "exp": at + 60},
		{"projectId": "cp", "userId": "cn", "iat": at, "exp": at + 60, "authData": map[string]any{"email": "a@b"}},
		{"projectId": "cp", "userId": "cn", "modelName": "User", "iat": at, "exp": at - 60},
		{"clientId": "cc", "iat": at},
		{"clientId": "cc", "projectId": "cp", "permanentAuthTokenId": "ct", "iat": at},
		{"clientId": "_", "projectId": "cp", "permanentAuthTokenId": "ct", "iat": at, "exp": at + 300},
	} {
		for _, alg := range []string{"HS256", "HS384", "HS512"} {
			questions = append(questions, jose.Question{Claims: claims, Alg: alg, Key: hex.EncodeToString([]byte(long))})
		}
	}
	for i, answer := range jose.Ask(t, questions) {
		q := questions[i]
		end, ends := q.Claims["exp"].(int64)
		if _, ok := k.Read(answer.Token, "cp"); ok != (q.Alg == "HS256" && (!ends || end > at)) {
			t.Errorf("jose signed %v with %s: taken is %v", q.Claims, q.Alg, ok)
		}
	}
}
