package authn_test

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"icehouse/tenancy"
	"icehouse/tenancy/authn"
	"icehouse/tenancy/token"
)

// grants are what a test gives, and how often they were looked up.
type grants struct {
	tokens  map[tenancy.ProjectID][]string
	seats   map[string]tenancy.ProjectID // of an account, or of a session
	lookups atomic.Int64
	err     error
}

func (g *grants) RootTokens(_ context.Context, p tenancy.ProjectID) ([]string, error) {
	g.lookups.Add(1)
	return g.tokens[p], g.err
}

func (g *grants) HasSeat(_ context.Context, p tenancy.ProjectID, a authn.Account) (bool, error) {
	g.lookups.Add(1)
	return g.seats[cmp.Or(a.Session, a.Customer)] == p, g.err
}

func must(text string, err error) string {
	if err != nil {
		panic(err)
	}
	return text
}

func TestRequester(t *testing.T) {
	now := time.Now
	keys, err := token.NewKeys("the secret of this test", now)
	if err != nil {
		t.Fatal(err)
	}
	strangers, err := token.NewKeys("the secret of a stranger", now)
	if err != nil {
		t.Fatal(err)
	}
	root := must(keys.Root("cp", "ct", "cowner"))
	old := func(claims string) string { // as they were signed before keys had names
		text := base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"JWT","alg":"HS256"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte("{"+claims+"}"))
		mac := hmac.New(sha256.New, []byte("the secret of this test"))
		mac.Write([]byte(text))
		return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	g := &grants{
		tokens: map[tenancy.ProjectID][]string{"cp": {"of an older installation", root}, "cq": {"another"}},
		seats:  map[string]tenancy.ProjectID{"cowner": "cp", "csession": "cp"},
	}
	nobody, admin := authn.Requester{}, authn.Requester{Admin: true}
	for name, c := range map[string]struct {
		text string
		want authn.Requester
	}{
		"none":                          {"", nobody},
		"a stored root token":           {root, admin},
		"a stored text":                 {"of an older installation", admin},
		"another project's stored text": {"another", nobody},
		"a root token that was deleted": {must(keys.Root("cp", "cdeleted", "cowner")), nobody},
		"a root token of another project of the owner": {must(keys.Root("cq", "ct", "cowner")), nobody},
		"a temporary root token":                       {must(keys.TemporaryRoot("cp")), admin},
		"that of another project":                      {must(keys.TemporaryRoot("cq")), nobody},
		"a stranger's":                                 {must(strangers.TemporaryRoot("cp")), nobody},
		"an account with a seat":                       {must(keys.Platform("cowner")), admin},
		"an account without":                           {must(keys.Platform("cother")), nobody},
		"a session":                                    {must(keys.Session("cowner", "csession", "", time.Time{})), admin},
		"a session that has an end":                    {must(keys.Session("cowner", "csession", "", now().Add(time.Hour))), admin},
		"a session that is over":                       {must(keys.Session("cowner", "csession", "", now().Add(-time.Second))), nobody},
		"a session that was taken back":                {must(keys.Session("cowner", "cended", "", time.Time{})), nobody},
		"a session for data":                           {must(keys.Session("cowner", "csession", "read data", time.Time{})), admin},
		"a session for everything else":                {must(keys.Session("cowner", "csession", "read manage account", time.Time{})), nobody},
		"an account of a stranger":                     {must(strangers.Platform("cowner")), nobody},
		"a node":                                       {must(keys.Node("cp", "cnode", "Member", time.Hour)), authn.Requester{Type: "Member", Node: "cnode"}},
		"a node without a type":                        {must(keys.Node("cp", "cnode", "", time.Hour)), authn.Requester{Type: "User", Node: "cnode"}},
		"a node of another project":                    {must(keys.Node("cq", "cnode", "User", time.Hour)), nobody},
		"a node whose id can't be one":                 {must(keys.Node("cp", "c\x00", "User", time.Hour)), nobody},
		"a node whose id is too long":                  {must(keys.Node("cp", strings.Repeat("c", 26), "User", time.Hour)), nobody},
		"a node whose time is over":                    {must(keys.Node("cp", "cnode", "User", -time.Second)), nobody},
		"a node of another kind of id":                 {must(keys.Node("cp", "узел", "User", time.Hour)), nobody},
		"a stored token with a blank":                  {root + " ", nobody},
		"a stored token twice":                         {root + root, nobody},
		"the empty text, stored":                       {"", nobody},
		"an old temporary root token":                  {old(`"clientId":"_","projectId":"cp","permanentAuthTokenId":"ct","exp":9999999999`), admin},
		"an old one of another project":                {old(`"clientId":"_","projectId":"cq","permanentAuthTokenId":"ct","exp":9999999999`), nobody},
		"an old one of no project":                     {old(`"clientId":"_","permanentAuthTokenId":"ct","exp":9999999999`), nobody},
		"an old one without an end":                    {old(`"clientId":"_","projectId":"cp","permanentAuthTokenId":"ct"`), nobody},
		"an old root token that is not stored":         {old(`"clientId":"cowner","projectId":"cp","permanentAuthTokenId":"ct"`), nobody},
		"an old account with a seat":                   {old(`"clientId":"cowner"`), admin},
		"an account's token for one project":           {old(`"clientId":"cowner","projectId":"cp"`), nobody},
		"a node and a root token in one":               {old(`"clientId":"cowner","projectId":"cp","userId":"cnode","permanentAuthTokenId":"ct","exp":9999999999`), nobody},
		"a node and a temporary root token in one":     {old(`"clientId":"_","projectId":"cp","userId":"cnode","permanentAuthTokenId":"ct","exp":9999999999`), nobody},
		"a node and an account in one":                 {old(`"clientId":"cowner","userId":"cnode","exp":9999999999`), nobody},
		"an old node without a type":                   {old(`"projectId":"cp","userId":"cnode","exp":9999999999`), authn.Requester{Type: "User", Node: "cnode"}},
		"a node of no project":                         {old(`"userId":"cnode","modelName":"User","exp":9999999999`), nobody},
		"garbage":                                      {"\xff\x00", nobody},
		"a part of a stored token":                     {root[:len(root)-1], nobody},
	} {
		a := authn.Authenticator{Keys: keys, Grants: g}
		if got, err := a.Requester(t.Context(), "cp", c.text); got != c.want || err != nil {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
	g.err = errors.New("the store is away")
	a := authn.Authenticator{Keys: keys, Grants: g}
	for _, text := range []string{root, "garbage", must(keys.Platform("cowner"))} {
		if got, err := a.Requester(t.Context(), "cp", text); err == nil || got != nobody {
			t.Errorf("without a store %.10s is %+v", text, got)
		}
	}
	if got, err := a.Requester(t.Context(), "cp", must(keys.Node("cp", "cn", "User", time.Hour))); err != nil || got.Node != "cn" {
		t.Error("a node's token needs the store", err)
	}
}

// TestCache: hostile tokens cost one look-up, and a right that was taken back ends
// within a second.
func TestCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys, err := token.NewKeys("the secret of this test", time.Now)
		if err != nil {
			t.Fatal(err)
		}
		root := must(keys.Root("cp", "ct", "cowner"))
		g := &grants{tokens: map[tenancy.ProjectID][]string{"cp": {root}}, seats: map[string]tenancy.ProjectID{"cowner": "cp"}}
		cache := authn.NewCache(g)
		defer cache.Close()
		a := authn.Authenticator{Keys: keys, Grants: cache}
		isAdmin := func(text string) bool {
			who, err := a.Requester(t.Context(), "cp", text)
			if err != nil {
				t.Fatal(err)
			}
			return who.Admin
		}
		platform := must(keys.Platform("cowner"))
		for range 1000 {
			if !isAdmin(root) || !isAdmin(platform) || isAdmin("garbage") {
				t.Fatal("a right is wrong")
			}
		}
		if n := g.lookups.Load(); n != 2 {
			t.Errorf("%d look-ups", n)
		}
		g.tokens, g.seats = nil, nil
		time.Sleep(time.Second)
		if isAdmin(root) || isAdmin(platform) {
			t.Error("a right that was taken back is there a second later")
		}
	})
}
