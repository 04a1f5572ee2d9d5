import { fromEvent, FunctionEvent } from 'graphcool-lib'
import * as bcrypt from 'bcryptjs'
import { isEmail, userByEmail } from './users'

export default async (event: FunctionEvent<{ email: string, password: string }>) => {
  console.log('signing up')
  const graphcool = fromEvent(event)
  const api = graphcool.api('simple/v1')
  const email = event.data.email.toLowerCase()
  if (!isEmail(email)) {
    return { error: 'Not a valid email' }
  }
  if (await userByEmail(api, email)) {
    return { error: 'Email already in use' }
  }
  const password = await bcrypt.hash(event.data.password, bcrypt.genSaltSync(4))
  const created: any = await api.request(
    'mutation($email: String!, $password: String!) { createUser(email: $email, password: $password) { id } }', { email, password })
  const id = created.createUser.id
  return { data: { id, token: await graphcool.generateNodeToken(id, 'User') } }
}
