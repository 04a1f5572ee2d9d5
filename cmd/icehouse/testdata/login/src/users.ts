export const isEmail = (text: string) => /^[^\s@]+@[^\s@]+$/.test(text)

export async function userByEmail(api: any, email: string): Promise<{ id: string, password: string }> {
  const { User } = await api.request('query($email: String!) { User(email: $email) { id password } }', { email })
  return User
}
