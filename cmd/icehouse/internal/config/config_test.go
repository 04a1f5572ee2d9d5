package config_test

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"icehouse/cmd/icehouse/internal/config"
)

func dev() config.Config {
	return config.Config{Role: config.All, Dev: true, Port: 60000, FunctionsPort: 60050, DataDir: ".icehouse"}
}

func TestDevKeepsItsSecrets(t *testing.T) {
	dir := t.TempDir()
	first, err := dev().Complete(dir)
	if err != nil {
		t.Fatal(err)
	}
	if first.Host != "127.0.0.1" || first.SQLiteFolder() != filepath.Join(dir, ".icehouse") {
		t.Errorf("got host %q, folder %q", first.Host, first.SQLiteFolder())
	}
	if len(first.MasterToken) < 40 || len(first.JWTSecret) < 40 || first.MasterToken == first.JWTSecret {
		t.Error("the secrets are weak")
	}
	path := filepath.Join(dir, ".icehouse", config.MasterTokenFile)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	second, err := dev().Complete(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(second, first) {
		t.Error("the second start differs from the first")
	}
	files, err := os.ReadDir(filepath.Join(dir, ".icehouse"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", f.Name(), info.Mode())
		}
	}
	if len(files) != 2 {
		t.Errorf("%d files in the data folder, want the two secrets", len(files))
	}
}

// TestKeys: a file is named where one may be made, and asked for elsewhere.
func TestKeys(t *testing.T) {
	dir := t.TempDir()
	in := func(names ...string) string { return filepath.Join(append([]string{dir}, names...)...) }
	serve := func(database string) config.Config {
		c := dev()
		c.Dev, c.MasterToken, c.JWTSecret, c.DatabaseURL = false, "m", "s", database
		return c
	}
	const shared = "postgres://u@db/x"
	for name, c := range map[string]struct {
		change func() config.Config
		file   string
		mayBe  bool // made
	}{
		"dev":               {dev, in(".icehouse", "secret-keys"), true},
		"dev on PostgreSQL": {func() config.Config { c := dev(); c.DatabaseURL = shared; return c }, in(".icehouse", "secret-keys"), true},
		"embedded":          {func() config.Config { return serve("sqlite:db") }, in("db", "secret-keys"), true},
		"a file":            {func() config.Config { c := serve(shared); c.SecretKeyFile = "keys"; return c }, in("keys"), false},
		"KMS":               {func() config.Config { c := serve(shared); c.KMSKey = "alias/x"; return c }, "", false},
		"KMS, and a file":   {func() config.Config { c := serve(shared); c.KMSKey, c.SecretKeyFile = "alias/x", "/keys"; return c }, "/keys", false},
	} {
		got, err := c.change().Complete(dir)
		if err != nil || got.SecretKeyFile != c.file || got.MakeKeys != c.mayBe {
			t.Errorf("%s: %q, %v, %v", name, got.SecretKeyFile, got.MakeKeys, err)
		}
	}
	if _, err := serve(shared).Complete(dir); err == nil || !strings.Contains(err.Error(), "--secret-key-file") || !strings.Contains(err.Error(), "--kms-key") {
		t.Errorf("without keys: %v", err)
	}
	if got, err := (config.Config{DatabaseURL: "sqlite:db"}).CompleteForOperator(dir); err != nil || got.MakeKeys || got.SecretKeyFile != in("db", "secret-keys") {
		t.Errorf("an operator: %q, %v, %v", got.SecretKeyFile, got.MakeKeys, err)
	}
}

func TestComplete(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*config.Config)
		want   string // part of the error; "" for none
	}{
		"other address without secrets": {func(c *config.Config) { c.Host = "0.0.0.0" }, "0.0.0.0 can be reached from other machines"},
		"other address, one secret":     {func(c *config.Config) { c.Host, c.JWTSecret = "192.0.2.1", "s" }, "can be reached from other machines"},
		"other address with secrets":    {func(c *config.Config) { c.Host, c.JWTSecret, c.MasterToken = "0.0.0.0", "s", "m" }, ""},
		"loopback of IPv6":              {func(c *config.Config) { c.Host = "::1" }, ""},
		"a name is not trusted":         {func(c *config.Config) { c.Host = "localhost.example.org" }, "can be reached"},
		"serve without secrets":         {func(c *config.Config) { c.Dev, c.DatabaseURL = false, "sqlite:db" }, "serve makes no secrets"},
		"serve without a database":      {func(c *config.Config) { c.Dev = false }, "no database"},
		"same port twice":               {func(c *config.Config) { c.FunctionsPort = c.Port }, "60000 is given to"},
		"any ports":                     {func(c *config.Config) { c.Port, c.FunctionsPort = 0, 0 }, ""},
		"port out of range":             {func(c *config.Config) { c.Port = 70000 }, "port 70000"},
		"unknown role":                  {func(c *config.Config) { c.Role = "king" }, `role "king"`},
		"unknown product":               {func(c *config.Config) { c.DatabaseURL = "mysql://root:hush@db" }, "want sqlite:FOLDER"},
		"sqlite with slashes":           {func(c *config.Config) { c.DatabaseURL = "sqlite://db" }, "followed by a folder"},
		"unknown runtime":               {func(c *config.Config) { c.Functions = "docker" }, "want auto, node, lambda or none"},
		"Lambda without a role":         {func(c *config.Config) { c.Functions = config.LambdaFunctions }, "--lambda-role"},
		"Lambda":                        {func(c *config.Config) { c.Functions, c.LambdaRole = config.LambdaFunctions, "arn:x" }, ""},
		"Lambda for who invokes":        {func(c *config.Config) { c.Functions, c.Role = config.LambdaFunctions, config.Data }, ""},
		"Node for who invokes":          {func(c *config.Config) { c.Functions, c.Role = config.NodeFunctions, config.Data }, "--functions lambda"},
		"unknown sign-up":               {func(c *config.Config) { c.SignUp = "sometimes" }, `sign-up "sometimes"`},
		"closed sign-up":                {func(c *config.Config) { c.SignUp = config.SignUpClosed }, ""},
		"mail without a sender":         {func(c *config.Config) { c.SMTPURL = "smtp://u:hush@mail" }, "are given together"},
		"a sender without mail":         {func(c *config.Config) { c.MailFrom = "a@example.org" }, "are given together"},
		"mail":                          {func(c *config.Config) { c.SMTPURL, c.MailFrom = "smtp://mail", "a@example.org" }, ""},
		"links that are none":           {func(c *config.Config) { c.MailLinks = "icehouse.example.org" }, "mail links"},
		"links with a fragment":         {func(c *config.Config) { c.MailLinks = "https://icehouse.example.org/#x" }, "mail links"},
		"links":                         {func(c *config.Config) { c.MailLinks = "https://icehouse.example.org/account" }, ""},
		"fewer proxies than none":       {func(c *config.Config) { c.Proxies = -1 }, "proxies -1"},
		"no limits":                     {func(c *config.Config) { c.RequestRate, c.Concurrent = 0, 0 }, ""},
		"limits":                        {func(c *config.Config) { c.RequestRate, c.RequestBurst, c.Concurrent = 0.5, 1, 10 }, ""},
		"a negative rate":               {func(c *config.Config) { c.RequestRate = -1 }, "request rate -1"},
		"a rate that is no number":      {func(c *config.Config) { c.RequestRate = math.NaN() }, "request rate NaN"},
		"a burst of nothing":            {func(c *config.Config) { c.RequestRate = 1 }, "request burst 0"},
		"fewer at once than none":       {func(c *config.Config) { c.Concurrent = -1 }, "concurrent requests -1"},
		"a negative time":               {func(c *config.Config) { c.Timeout = -time.Second }, "request timeout -1s"},
		"as long as once":               {func(c *config.Config) { c.Timeout = 10 * time.Minute }, ""},
		"too long":                      {func(c *config.Config) { c.Timeout = 11 * time.Minute }, "request timeout 11m0s"},
		"bad URL":                       {func(c *config.Config) { c.DatabaseURL = "postgres://u:hu%sh@db/x" }, "percent-encoded"},
		"queue in memory":               {func(c *config.Config) { c.QueueURL = "memory" }, ""},
		"queue of RabbitMQ":             {func(c *config.Config) { c.QueueURL = "amqps://u:hush@queue/icehouse" }, ""},
		"unknown queue":                 {func(c *config.Config) { c.QueueURL = "kafka://root:hush@queue" }, "want memory or amqp://"},
		"bad URL of the queue":          {func(c *config.Config) { c.QueueURL = "amqp://u:hu%sh@queue/x" }, "percent-encoded"},
		"queue without a host":          {func(c *config.Config) { c.QueueURL = "amqp:///x" }, "with a host"},
	} {
		t.Run(name, func(t *testing.T) {
			set := dev()
			c.change(&set)
			_, err := set.Complete(t.TempDir())
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q", err, c.want)
			case err != nil && strings.Contains(err.Error(), "hu"+"sh"):
				t.Errorf("the error shows a password: %v", err)
			}
		})
	}
}
