package signature_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"icehouse/deploy/testbed/standardwebhooks"
	"icehouse/tenancy/egress/signature"
)

// TestVector is signed as npm's standardwebhooks 1.1.1 and Python's hmac sign it.
func TestVector(t *testing.T) {
	secret, err := signature.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{}
	signature.Sign(header, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 999), []byte(`{"test": 2432232314}`), secret)
	for name, want := range map[string]string{
		"webhook-id":        "msg_p5jXN8AQM9LWM0D4loKWxJek",
		"webhook-timestamp": "1614265330",
		"webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
	} {
		if got := header.Get(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestReceiversVerify(t *testing.T) {
	old, oldText := signature.NewSecret()
	renewed, newText := signature.NewSecret()
	_, otherText := signature.NewSecret()
	now := time.Now()
	message := func(text, body string, at time.Time, secrets ...signature.Secret) standardwebhooks.Message {
		header := http.Header{}
		signature.Sign(header, "cjabc0000000001", at, []byte(body), secrets...)
		m := standardwebhooks.Message{Secret: text, Body: body, Headers: map[string]string{}}
		for name := range header {
			m.Headers[name] = header.Get(name)
		}
		return m
	}
	changed := message(oldText, `{"a":1}`, now, old)
	changed.Body = `{"a":2}`
	renamed := message(oldText, `{"a":1}`, now, old)
	renamed.Headers[signature.HeaderID] = "cjabc0000000002"
	got := standardwebhooks.Verify(t, []standardwebhooks.Message{
		message(oldText, `{"a":1}`, now, old),
		message(oldText, `{"text":"Grüße, 世界 🎉"}`, now, old),
		message(oldText, "", now, old),
		message(oldText, `{}`, now, old, renewed),
		message(newText, `{}`, now, old, renewed),
		message(otherText, `{}`, now, old, renewed),
		message(oldText, `{}`, now.Add(-time.Hour), old),
		changed,
		renamed,
	})
	want := []string{"", "", "", "", "", "No matching signature found", "Message timestamp too old", "No matching signature found", "No matching signature found"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("verdicts %q, want %q", got, want)
	}
}

func TestSecrets(t *testing.T) {
	secret, text := signature.NewSecret()
	again, err := signature.ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	one, two := http.Header{}, http.Header{}
	signature.Sign(one, "m", time.Unix(1, 0), nil, secret)
	signature.Sign(two, "m", time.Unix(1, 0), nil, again)
	if one.Get(signature.HeaderSignature) != two.Get(signature.HeaderSignature) {
		t.Error("a secret that was written and read signs otherwise")
	}
	for _, text := range []string{"", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_!!!!", "whsec_" + strings.Repeat("QUFB", 30)} {
		if _, err := signature.ParseSecret(text); err == nil {
			t.Errorf("%q was taken for a secret", text)
		}
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(format, secret); got != "whsec_..." {
			t.Errorf("%s prints %s", format, got)
		}
	}
}
