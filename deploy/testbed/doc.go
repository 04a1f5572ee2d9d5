// Package testbed obtains the real services that tests run against.
//
// In: the environment and the machine. Out: the URL of a PostgreSQL server or of
// a fresh database in it; a RabbitMQ server. Callers: tests, by Database and
// RabbitMQ; `make test`, by the command in cmd/testbed, which starts one database
// server for all packages of a run.
//
// A server is looked for in this order: the URL in ICEHOUSE_TEST_DATABASE_URL or
// DATABASE_URL (PostgreSQL alone: a broker is stopped and started by tests),
// server programs on this machine, Debian's packages (PostgreSQL is installed, as
// root; RabbitMQ is unpacked, by anyone), the compose file
// beside this package. When there is none, tests fail and say what to install;
// none is skipped in silence. A server that testbed starts is its own, in a
// temporary folder, and never runs as root.
//
// AWS Lambda is in a package of its own, lambdaserver: it is a server of ours, and needs
// Node.js only.
//
//	postgresql.go  the order        process.go  one private server
//	database.go    for tests        compose.go  one in a container
//	rabbitmq.go    the order        broker.go   one private broker
package testbed
