import { fromEvent, FunctionEvent } from 'graphcool-lib'

export default async (event: FunctionEvent<any>) => {
  if (!event.context.auth || !event.context.auth.nodeId) {
    return { data: null }
  }
  const api = fromEvent(event).api('simple/v1')
  const { User }: any = await api.request('query($id: ID!) { User(id: $id) { id } }', { id: event.context.auth.nodeId })
  return { data: { id: User.id } }
}
