import { fromEvent, FunctionEvent } from 'graphcool-lib'
import * as bcrypt from 'bcryptjs'
import { userByEmail } from './users'

export default async (event: FunctionEvent<{ email: string, password: string }>) => {
  const graphcool = fromEvent(event)
  const user = await userByEmail(graphcool.api('simple/v1'), event.data.email.toLowerCase())
  if (!user || !(await bcrypt.compare(event.data.password, user.password))) {
    return { error: 'Invalid credentials' }
  }
  return { data: { token: await graphcool.generateNodeToken(user.id, 'User') } }
}
