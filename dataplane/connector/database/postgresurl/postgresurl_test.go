package postgresurl_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"icehouse/dataplane/connector/database/postgresurl"
	"icehouse/deploy/testbed"
)

func TestMain(m *testing.M) {
	status := testbed.Main(m)
	if err := goleak.Find(); status == 0 && err != nil {
		_, _ = os.Stderr.WriteString(err.Error() + "\n")
		status = 1
	}
	os.Exit(status)
}

func TestRefused(t *testing.T) {
	const host = "postgres://ice:hunter2@db.cluster-abc.eu-west-1.rds.amazonaws.com/x"
	for address, want := range map[string]string{
		"postgres://ice:hunter2@h:port/x":                                          "can't be read",
		"host=h password=hunter2 port=x":                                           "can't be read",
		host + "?auth=kerberos":                                                    "want aws-iam",
		host + "?aws_region=eu-west-1":                                             "goes with auth=aws-iam",
		host + "?auth=aws-iam":                                                     "sslmode=verify-full",
		host + "?auth=aws-iam&sslmode=require":                                     "sslmode=verify-full",
		host + "?auth=aws-iam&sslmode=disable":                                     "sslmode=verify-full",
		"postgres://ice:hunter2@db.example.org/x?auth=aws-iam&sslmode=verify-full": "aws_region=REGION",
		"postgres://ice:hunter2@a:1,b:2/x?auth=aws-iam&sslmode=verify-full":        "one host",
	} {
		_, err := postgresurl.Parse(address)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
	for _, address := range []string{
		"postgres://ice:hunter2@h/x", "postgresql://ice@/x?host=/run/postgresql", "host=h dbname=x",
		host + "?auth=aws-iam&sslmode=verify-full", host + "?auth=aws-iam&sslmode=verify-full&pool_max_conns=3",
		"postgres://ice@h/x?auth=aws-iam&sslmode=verify-full&aws_region=us-west-2",
	} {
		if _, err := postgresurl.Parse(address); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// certificate makes one for localhost, signed by itself, and the file that trusts it.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// sslRequest is what a client sends first that wants TLS.
var sslRequest = []byte{0, 0, 0, 8, 4, 210, 22, 47}

// serveTLS takes connections as a server does that speaks TLS, and hands them on; the
// port is the result.
func serveTLS(t *testing.T, certificate tls.Certificate, handle func(net.Conn)) (port string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			first := make([]byte, len(sslRequest))
			if _, err := io.ReadFull(conn, first); err == nil && string(first) == string(sslRequest) {
				_, _ = conn.Write([]byte("S"))
				handle(tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}))
			}
			_ = conn.Close()
		}
	}()
	_, port, err = net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func connect(t *testing.T, address string) error {
	t.Helper()
	c, err := postgresurl.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var one int
	return pool.QueryRow(ctx, "SELECT 1", pgx.QueryExecModeSimpleProtocol).Scan(&one)
}

// TestTLS reaches a server behind TLS when it proves who it is, and only then.
func TestTLS(t *testing.T) {
	server, err := url.Parse(testbed.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	trusted, file := certificate(t)
	port := serveTLS(t, trusted, func(client net.Conn) {
		var d net.Dialer
		behind, err := d.DialContext(t.Context(), "tcp", server.Host)
		if err != nil {
			t.Error(err)
			return
		}
		answered := make(chan struct{})
		go func() { defer close(answered); _, _ = io.Copy(client, behind) }()
		_, _ = io.Copy(behind, client)
		_ = behind.Close()
		<-answered
	})
	_, strange := certificate(t)
	address := func(host, mode, file string) string {
		return "postgres://" + server.User.String() + "@" + host + server.Path + "?pool_max_conns=1&sslmode=" + mode + "&sslrootcert=" + url.QueryEscape(file)
	}
	if err := connect(t, address("localhost:"+port, "verify-full", file)); err != nil {
		t.Errorf("a server that proves who it is: %v", err)
	}
	for name, refused := range map[string]string{
		"another's certificate": address("localhost:"+port, "verify-full", strange),
		"another's name":        address("127.0.0.1:"+port, "verify-full", file),
		"no TLS":                address(server.Host, "verify-full", file),
	} {
		if err := connect(t, refused); err == nil {
			t.Errorf("%s: connected", name)
		}
	}
}

// TestIAM shows a token for the very host, port and user, over TLS. What AWS makes of
// it is AWS's.
func TestIAM(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	trusted, file := certificate(t)
	shown := make(chan string, 8)
	port := serveTLS(t, trusted, func(client net.Conn) {
		server := pgproto3.NewBackend(client, client)
		if _, err := server.ReceiveStartupMessage(); err != nil {
			t.Error(err)
			return
		}
		server.Send(&pgproto3.AuthenticationCleartextPassword{})
		_ = server.SetAuthType(pgproto3.AuthTypeCleartextPassword)
		if err := server.Flush(); err != nil {
			t.Error(err)
			return
		}
		m, err := server.Receive()
		if password, ok := m.(*pgproto3.PasswordMessage); ok && err == nil {
			shown <- password.Password
		}
		server.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "28P01", Message: "PAM authentication failed"})
		_ = server.Flush()
	})
	err := connect(t, "postgres://ice@localhost:"+port+"/x?auth=aws-iam&aws_region=eu-west-1&sslmode=verify-full&sslrootcert="+url.QueryEscape(file))
	var refused interface{ SQLState() string }
	if !errors.As(err, &refused) || refused.SQLState() != "28P01" {
		t.Fatalf("the server refused the token, and the error is %v", err)
	}
	token, err := url.Parse("https://" + <-shown)
	if err != nil {
		t.Fatal(err)
	}
	q := token.Query()
	if token.Host != "localhost:"+port || q.Get("Action") != "connect" || q.Get("DBUser") != "ice" || q.Get("X-Amz-Expires") != "900" ||
		!strings.Contains(q.Get("X-Amz-Credential"), "AKIAEXAMPLE/") || !strings.Contains(q.Get("X-Amz-Credential"), "/eu-west-1/rds-db/") || q.Get("X-Amz-Signature") == "" {
		t.Errorf("the token is %v", token)
	}
}
