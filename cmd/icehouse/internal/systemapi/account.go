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

// VerifyEmail begins an account with the code from its mail.
func (c *Client) VerifyEmail(ctx context.Context, code string) (Login, error) {
	var data struct{ VerifyEmail Login }
	err := c.anonymous().do(ctx, `mutation ($code: String!) {
  verifyEmail(input: {token: $code, clientMutationId: "static"}) { token user { id name email } }
}`, map[string]any{"code": code}, &data)
	return data.VerifyEmail, err
}

// RequestPasswordReset has a mail with a code sent to an account's address, if there is
// one.
func (c *Client) RequestPasswordReset(ctx context.Context, email string) error {
	var data struct {
		RequestPasswordReset struct{ ClientMutationID string }
	}
	return c.anonymous().do(ctx, `mutation ($email: String!) {
  requestPasswordReset(input: {email: $email, clientMutationId: "static"}) { clientMutationId }
}`, map[string]any{"email": email}, &data)
}

// ResetPassword sets a new password with the code from the mail.
func (c *Client) ResetPassword(ctx context.Context, code, password string) (Login, error) {
	var data struct{ ResetPassword Login }
	err := c.anonymous().do(ctx, `mutation ($code: String!, $password: String!) {
  resetPassword(input: {resetPasswordToken: $code, newPassword: $password, clientMutationId: "static"}) { token user { id name email } }
}`, map[string]any{"code": code, "password": password}, &data)
	return data.ResetPassword, err
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
