// Package postgresurl reads the URL of a PostgreSQL server, for all who connect to one.
//
// In: a URL or DSN, with the options of pgx (TLS by sslmode, sslrootcert ..., the pool
// by pool_*) and two of its own. Out: a pool's configuration. Callers: postgresdb and
// postgresstore.
//
//	auth=aws-iam       there is no password: each connection shows a token that the
//	                   process's AWS credentials sign, as Amazon RDS and Aurora take it
//	aws_region=REGION  of the server; else read from its host name
package postgresurl

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/rds/auth"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	authOption   = "auth"
	regionOption = "aws_region"
	iam          = "aws-iam"
)

// Parse reads an address. Its errors repeat no password.
func Parse(address string) (*pgxpool.Config, error) {
	address, method, region, err := own(address)
	if err != nil {
		return nil, err
	}
	c, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, errors.New("the database URL can't be read") // err may quote a password
	}
	if method == "" {
		return c, nil
	}
	server := c.ConnConfig
	if len(server.Fallbacks) > 0 || !verified(server.TLSConfig) {
		return nil, fmt.Errorf("%s=%s needs one host and sslmode=verify-full: the token would be shown to whoever answers", authOption, iam)
	}
	if region == "" {
		region = regionOf(server.Host)
	}
	if region == "" {
		return nil, fmt.Errorf("%s=%s: the host does not tell its region; add %s=REGION", authOption, iam, regionOption)
	}
	c.BeforeConnect = (&signer{region: region}).authenticate
	return c, nil
}

// own takes this package's options out of an address.
func own(address string) (rest, method, region string, err error) {
	if !strings.HasPrefix(address, "postgres://") && !strings.HasPrefix(address, "postgresql://") {
		return address, "", "", nil
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", "", "", errors.New("the database URL can't be read; are special characters in the password percent-encoded?")
	}
	options := u.Query()
	method, region = options.Get(authOption), options.Get(regionOption)
	switch {
	case method != "" && method != iam:
		return "", "", "", fmt.Errorf("database URL: %s=%q: want %s, or no such option", authOption, method, iam)
	case method == "" && region != "":
		return "", "", "", fmt.Errorf("database URL: %s goes with %s=%s", regionOption, authOption, iam)
	case method == "":
		return address, "", "", nil
	}
	options.Del(authOption)
	options.Del(regionOption)
	u.RawQuery = options.Encode()
	return u.String(), method, region, nil
}

// verified says that the server has to prove who it is.
func verified(c *tls.Config) bool {
	return c != nil && (!c.InsecureSkipVerify || c.VerifyPeerCertificate != nil || c.VerifyConnection != nil)
}

var regional = regexp.MustCompile(`\.([a-z]{2}(?:-[a-z]+)+-\d+)\.rds\.amazonaws\.com(?:\.cn)?$`)

func regionOf(host string) string {
	if m := regional.FindStringSubmatch(host); m != nil {
		return m[1]
	}
	return ""
}

// signer makes the tokens of one server.
type signer struct {
	region string

	mu          sync.Mutex
	credentials aws.CredentialsProvider // nil until they were found
}

// signTime is how long the search for credentials may take.
const signTime = 10 * time.Second

// authenticate gives a connection that is about to be made its token, which is good for
// 15 minutes.
func (s *signer) authenticate(ctx context.Context, c *pgx.ConnConfig) error {
	ctx, cancel := context.WithTimeout(ctx, signTime)
	defer cancel()
	credentials, err := s.find(ctx)
	if err != nil {
		return fmt.Errorf("find AWS credentials: %w", err)
	}
	c.Password, err = auth.BuildAuthToken(ctx, net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))), s.region, c.User, credentials)
	if err != nil {
		return fmt.Errorf("sign in to the database by IAM: %w", err)
	}
	return nil
}

func (s *signer) find(ctx context.Context) (aws.CredentialsProvider, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.credentials == nil {
		c, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithRegion(s.region))
		if err != nil {
			return nil, err
		}
		s.credentials = c.Credentials // renews what expires
	}
	return s.credentials, nil
}
