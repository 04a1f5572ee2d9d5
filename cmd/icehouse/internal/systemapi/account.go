package systemapi

import "context"

// User is the account that a token belongs to.
type User struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
}

// User tells whose token it is.
func (c *Client) User(ctx context.Context) (User, error) {
	var data struct{ Viewer struct{ User User } }
	err := c.do(ctx, `{ viewer { user { id name email } } }`, nil, &data)
	return data.Viewer.User, err
}

// Login is an account that has just been let in.
type Login struct {
	Token string
	User  User
}

// Signup makes an account.
func (c *Client) Signup(ctx context.Context, email, password, name string) (Login, error) {
	var data struct{ Signup Login }
	err := c.anonymous().do(ctx, `mutation ($email: String!, $password: String!, $name: String!) {
  signup(input: {email: $email, password: $password, name: $name, clientMutationId: "static"}) { token user { id name email } }
}`, map[string]any{"email": email, "password": password, "name": name}, &data)
	return data.Signup, err
}

// Signin lets an account in.
func (c *Client) Signin(ctx context.Context, email, password string) (Login, error) {
	var data struct{ Signin Login }
	err := c.anonymous().do(ctx, `mutation ($email: String!, $password: String!) {
  signin(input: {email: $email, password: $password, clientMutationId: "static"}) { token user { id name email } }
}`, map[string]any{"email": email, "password": password}, &data)
	return data.Signin, err
}

// Signout ends the session that the token is of.
func (c *Client) Signout(ctx context.Context) error {
	var data struct {
		Signout struct{ ClientMutationID string }
	}
	return c.do(ctx, `mutation { signout(input: {clientMutationId: "static"}) { clientMutationId } }`, nil, &data)
}

// anonymous is the client without its token.
func (c *Client) anonymous() *Client { return &Client{Host: c.Host, HTTP: c.HTTP} }
