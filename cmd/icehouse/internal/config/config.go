// Package config says how a server is set up: one Config, filled from flags
// over environment over defaults, completed once.
//
// In: the struct that the commands dev and serve embed; its tags are the flags,
// the variables and the defaults. Out: a Complete Config, in which every value
// is set, the secrets too. Callers: cli fills it, server builds from it.
package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Role is which part of the platform a process plays.
type Role string

// The roles.
const (
	Control Role = "control" // accounts, projects, deploys: /system and the uploads of functions
	Data    Role = "data"    // the projects' APIs: /simple
	Worker  Role = "worker"  // relays events and runs functions
	All     Role = "all"
)

// Has reports whether a process of this role plays other's part.
func (r Role) Has(other Role) bool { return r == All || r == other }

// Config is the set-up of one server process.
//
// The tag envvar names the variables that stand in for a missing flag, the first of them
// that is set.
type Config struct {
	Port              int            `envvar:"PORT" default:"60000" help:"Port of the data and system API."`
	FunctionsPort     int            `envvar:"FUNCTIONS_PORT" default:"60050" help:"Port for uploads of functions."`
	Host              string         `envvar:"ICEHOUSE_HOST" help:"Address to listen on; dev: 127.0.0.1, serve: all."`
	DataDir           string         `envvar:"ICEHOUSE_DATA_DIR" default:".icehouse" help:"Folder for data and generated secrets."`
	DatabaseURL       string         `envvar:"DATABASE_URL" help:"sqlite:FOLDER or postgres://...; dev: sqlite in the data folder."`
	DatabaseReaderURL string         `envvar:"DATABASE_READER_URL" help:"postgres://... that follows the database: queries are read from there, unless their project was written moments before."`
	ReaderBehind      time.Duration  `envvar:"ICEHOUSE_READER_BEHIND" default:"5s" help:"How far that may be behind."`
	QueueURL          string         `envvar:"QUEUE_URL,GLOBAL_RABBIT_URI,RABBITMQ_URI" default:"memory" help:"memory, or amqp://... when several processes serve the same projects."`
	MasterToken       string         `envvar:"MASTER_TOKEN" help:"Secret that opens the management API."`
	JWTSecret         string         `envvar:"JWT_SECRET" name:"jwt-secret" help:"Secret that signs every token."`
	SecretKeyFile     string         `envvar:"ICEHOUSE_SECRET_KEY_FILE" help:"File with the keys that seal what services are deployed with; on SQLite and for dev secret-keys beside the database, made at the first start."`
	KMSKey            string         `envvar:"ICEHOUSE_KMS_KEY" name:"kms-key" help:"Key of AWS KMS (id, ARN or alias) that seals instead; a file's keys still open."`
	Plan              string         `envvar:"INITIAL_PRICING_PLAN" help:"Plan of new projects; the free one when it is not set."`
	SMTPURL           string         `envvar:"SMTP_URL" name:"smtp-url" help:"Mail server: smtp://USER:PASSWORD@HOST:PORT (STARTTLS), smtps://... or smtp+plain://...; without one no mail is sent."`
	MailFrom          string         `envvar:"MAIL_FROM" help:"Sender of all mails."`
	MailLinks         string         `envvar:"ICEHOUSE_MAIL_LINKS" help:"Page that takes the codes in mails, as a link with #code=..."`
	SignUp            string         `envvar:"ICEHOUSE_SIGN_UP" help:"open, or closed: only the holder of the master token makes accounts. Closed by itself where others reach the server and no mail can be sent."`
	Proxies           int            `envvar:"ICEHOUSE_PROXIES" default:"0" help:"How many proxies before this server append to X-Forwarded-For."`
	RequestRate       float64        `envvar:"ICEHOUSE_REQUEST_RATE" default:"5000" help:"Requests in a second that each process answers for one project; more are refused with HTTP 429; 0: no limit."`
	RequestBurst      float64        `envvar:"ICEHOUSE_REQUEST_BURST" default:"20000" help:"How many of them may come at once after a time of silence."`
	Concurrent        int            `envvar:"ICEHOUSE_CONCURRENT_REQUESTS" name:"concurrent-requests" default:"1000" help:"Requests that each process answers at the same time for one project; more are refused with HTTP 429; 0: no limit."`
	Timeout           time.Duration  `envvar:"ICEHOUSE_REQUEST_TIMEOUT" name:"request-timeout" default:"45s" help:"How long a request to a project may take; one that takes longer is answered with code 1000."`
	EventRetention    time.Duration  `envvar:"ICEHOUSE_EVENT_RETENTION" name:"event-retention" default:"24h" help:"For how long subscriptions can be resumed: events are kept that long."`
	Functions         string         `envvar:"ICEHOUSE_FUNCTIONS" default:"auto" help:"What runs the code of functions: node, processes of Node.js on this machine, which roles apart from each other do not share; lambda, AWS Lambda; none; auto: node for role all, none for others."`
	LambdaRole        string         `envvar:"ICEHOUSE_LAMBDA_ROLE" help:"ARN of the role that functions have in AWS Lambda; it may write logs and nothing else. {project} in it stands for a service's id. Who deploys (roles control and all) needs it."`
	LambdaBucket      string         `envvar:"ICEHOUSE_LAMBDA_BUCKET" help:"Bucket of S3 through which code of more than 50 MB goes to AWS Lambda; without one it is refused."`
	LambdaPrefix      string         `envvar:"ICEHOUSE_LAMBDA_PREFIX" default:"icehouse" help:"Begins the names of this installation's functions in AWS Lambda."`
	FunctionsReach    string         `envvar:"ICEHOUSE_FUNCTIONS_REACH" name:"functions-reach" help:"Base URL under which functions reach the APIs; this process by default."`
	WebhookOpen       []netip.Prefix `envvar:"ICEHOUSE_WEBHOOK_OPEN" name:"webhook-open" placeholder:"CIDR" help:"Networks that webhooks may call although they are not public."`
	Grace             time.Duration  `envvar:"ICEHOUSE_GRACE" default:"10s" help:"How long running requests may go on after a stop signal."`

	Role Role `kong:"-"`
	// Dev makes missing secrets and listens on loopback only.
	Dev bool `kong:"-"`
	// MakeKeys says that a missing SecretKeyFile may be made while nothing is sealed yet.
	MakeKeys bool `kong:"-"`
}

// Complete checks the set-up and fills what is missing. Relative folders are
// taken from dir. For dev it may make the data folder and secrets in it.
func (c Config) Complete(dir string) (Config, error) {
	switch c.Role {
	case Control, Data, Worker, All:
	default:
		return Config{}, fmt.Errorf("role %q: want control, data, worker or all", c.Role)
	}
	for name, port := range map[string]int{"port": c.Port, "functions port": c.FunctionsPort} {
		if port < 0 || port > 65535 {
			return Config{}, fmt.Errorf("%s %d: want 0 to 65535", name, port)
		}
	}
	if c.Port != 0 && c.Port == c.FunctionsPort {
		return Config{}, fmt.Errorf("port %d is given to the API and to the uploads of functions", c.Port)
	}
	if c.Grace < 0 {
		return Config{}, fmt.Errorf("grace %v is negative", c.Grace)
	}
	if err := errors.Join(c.checkAccounts(), c.checkLimits(), c.completeFunctions()); err != nil {
		return Config{}, err
	}
	c.DataDir = resolve(dir, c.DataDir)
	if err := c.completeDatabase(dir); err != nil {
		return Config{}, err
	}
	if err := c.completeQueue(); err != nil {
		return Config{}, err
	}
	if err := c.completeSecrets(); err != nil {
		return Config{}, err
	}
	return c, c.completeKeys(dir)
}

// CompleteForOperator checks where the platform's database, queue and keys are, for
// commands that work beside its processes.
func (c Config) CompleteForOperator(dir string) (Config, error) {
	c.Role = Control
	if err := c.completeDatabase(dir); err != nil {
		return Config{}, err
	}
	if err := c.completeQueue(); err != nil {
		return Config{}, err
	}
	err := c.completeKeys(dir)
	c.MakeKeys = false
	return c, err
}

// The values of SignUp.
const (
	SignUpOpen   = "open"
	SignUpClosed = "closed"
)

func (c *Config) checkAccounts() error {
	switch c.SignUp {
	case "":
		c.SignUp = SignUpOpen
		if c.SMTPURL == "" && !c.Dev && !c.loopback() { // addresses can't be confirmed, and invitations go by them
			c.SignUp = SignUpClosed
		}
	case SignUpOpen, SignUpClosed:
	default:
		return fmt.Errorf("sign-up %q: want open or closed", c.SignUp)
	}
	if (c.SMTPURL == "") != (c.MailFrom == "") {
		return errors.New("mail: the mail server (SMTP_URL) and the sender (MAIL_FROM) are given together")
	}
	if c.MailLinks != "" {
		u, err := url.Parse(c.MailLinks)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Fragment != "" {
			return errors.New("mail links: want the http or https address of a page")
		}
	}
	if c.Proxies < 0 {
		return fmt.Errorf("proxies %d: want 0 or more", c.Proxies)
	}
	return nil
}

func (c *Config) checkLimits() error {
	switch {
	case math.IsNaN(c.RequestRate) || c.RequestRate < 0:
		return fmt.Errorf("request rate %v: want requests in a second, or 0 for no limit", c.RequestRate)
	case math.IsNaN(c.RequestBurst) || c.RequestRate > 0 && c.RequestBurst < 1:
		return fmt.Errorf("request burst %v: want 1 or more", c.RequestBurst)
	case c.Concurrent < 0:
		return fmt.Errorf("concurrent requests %d: want a number, or 0 for no limit", c.Concurrent)
	case c.Timeout < 0 || c.Timeout > longestRequest:
		return fmt.Errorf("request timeout %v: want at most %v", c.Timeout, longestRequest)
	case c.EventRetention != 0 && (c.EventRetention < time.Minute || c.EventRetention > longestRetention):
		return fmt.Errorf("event retention %v: want between 1m and %v", c.EventRetention, longestRetention)
	}
	if c.Timeout == 0 {
		c.Timeout = requestTimeout
	}
	if c.EventRetention == 0 {
		c.EventRetention = eventRetention
	}
	return nil
}

// The values of Functions.
const (
	autoFunctions   = "auto"
	NodeFunctions   = "node"
	LambdaFunctions = "lambda"
	NoFunctions     = "none"
)

func (c *Config) completeFunctions() error {
	switch c.Functions {
	case "", autoFunctions:
		c.Functions = NoFunctions
		if c.Role == All {
			c.Functions = NodeFunctions
		}
	case NodeFunctions, LambdaFunctions, NoFunctions:
	default:
		return fmt.Errorf("functions %q: want auto, node, lambda or none", c.Functions)
	}
	if c.Functions == LambdaFunctions && c.LambdaRole == "" && c.Role.Has(Control) {
		return errors.New("functions: to deploy to AWS Lambda, give the role that they have there: --lambda-role or ICEHOUSE_LAMBDA_ROLE")
	}
	if c.Functions == NodeFunctions && c.Role != All {
		return fmt.Errorf("functions: processes of Node.js run in the role all, not in %s: what one role deploys, the other does not see; give all roles --functions lambda", c.Role)
	}
	if c.FunctionsReach != "" {
		if u, err := url.Parse(c.FunctionsReach); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			return errors.New("functions reach: want an http or https address")
		}
	}
	return nil
}

// Events are kept for a day, so that a client which was away for a night can resume.
const (
	eventRetention   = 24 * time.Hour
	longestRetention = 30 * 24 * time.Hour
)

// The times of a request: of the hosted platform of 2017, and of clusters that people
// had themselves (platform §10).
const (
	requestTimeout = 45 * time.Second
	longestRequest = 10 * time.Minute
)

func resolve(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

const (
	sqliteScheme   = "sqlite:"
	postgresScheme = "postgres://"
)

// completeDatabase fills the database of dev and brings the URL to one form.
func (c *Config) completeDatabase(dir string) error {
	if c.DatabaseURL == "" {
		if !c.Dev {
			return errors.New("no database: give --database-url or set DATABASE_URL")
		}
		c.DatabaseURL = sqliteScheme + c.DataDir
		return c.noReader()
	}
	if folder, ok := strings.CutPrefix(c.DatabaseURL, sqliteScheme); ok {
		if folder == "" || strings.HasPrefix(folder, "//") {
			return errors.New("database URL: sqlite: is followed by a folder, as in sqlite:/var/lib/icehouse")
		}
		c.DatabaseURL = sqliteScheme + resolve(dir, folder)
		return c.noReader()
	}
	if rest, ok := strings.CutPrefix(c.DatabaseURL, "postgresql://"); ok {
		c.DatabaseURL = postgresScheme + rest
	}
	if !strings.HasPrefix(c.DatabaseURL, postgresScheme) {
		// The text may hold a password, so it is not repeated.
		return errors.New("database URL: want sqlite:FOLDER or postgres://USER:PASSWORD@HOST/NAME")
	}
	for _, address := range []string{c.DatabaseURL, c.DatabaseReaderURL} {
		if _, err := url.Parse(address); err != nil {
			return errors.New("database URL: not a URL; are special characters in the password percent-encoded?")
		}
	}
	if c.ReaderBehind < 0 {
		return fmt.Errorf("the reader is %v behind: want 0 or more", c.ReaderBehind)
	}
	return nil
}

func (c *Config) noReader() error {
	if c.DatabaseReaderURL != "" {
		return errors.New("database reader: nothing follows an SQLite database")
	}
	return nil
}

// MemoryQueue is the queue of a process that has no other to talk to.
const MemoryQueue = "memory"

// completeQueue checks the URL of the queue.
func (c *Config) completeQueue() error {
	if c.QueueURL == "" {
		c.QueueURL = MemoryQueue
	}
	if c.QueueURL == MemoryQueue {
		return nil
	}
	// The text may hold a password, so it is not repeated.
	if !strings.HasPrefix(c.QueueURL, "amqp://") && !strings.HasPrefix(c.QueueURL, "amqps://") {
		return errors.New("queue URL: want memory or amqp://USER:PASSWORD@HOST/VHOST")
	}
	if u, err := url.Parse(c.QueueURL); err != nil || u.Hostname() == "" {
		return errors.New("queue URL: not a URL with a host; are special characters in the password percent-encoded?")
	}
	return nil
}

// SQLiteFolder is the folder of an SQLite database; "" when the database is
// another product.
func (c Config) SQLiteFolder() string {
	folder, ok := strings.CutPrefix(c.DatabaseURL, sqliteScheme)
	if !ok {
		return ""
	}
	return folder
}

// loopback reports whether only this machine can reach the server.
func (c Config) loopback() bool {
	if c.Host == "localhost" {
		return true
	}
	ip := net.ParseIP(c.Host)
	return ip != nil && ip.IsLoopback()
}

func (c *Config) completeSecrets() error {
	if c.Dev && c.Host == "" {
		c.Host = "127.0.0.1"
	}
	missing := c.MasterToken == "" || c.JWTSecret == ""
	switch {
	case !missing:
		return nil
	case !c.Dev:
		return errors.New("serve makes no secrets: set MASTER_TOKEN and JWT_SECRET")
	case !c.loopback():
		return fmt.Errorf("%s can be reached from other machines: set MASTER_TOKEN and JWT_SECRET, or listen on 127.0.0.1", c.Host)
	}
	if err := fillSecret(&c.MasterToken, c.DataDir, MasterTokenFile); err != nil {
		return err
	}
	return fillSecret(&c.JWTSecret, c.DataDir, jwtSecretFile)
}

// Address is where the data and system API listens.
func (c Config) Address() string { return net.JoinHostPort(c.Host, strconv.Itoa(c.Port)) }

// FunctionsAddress is where uploads of functions are taken.
func (c Config) FunctionsAddress() string {
	return net.JoinHostPort(c.Host, strconv.Itoa(c.FunctionsPort))
}
