/** One message of server-sent events. */
export interface Message {
  /** `message` where it has no other name. */
  event: string
  data: string
  /** Undefined: it has none. */
  id: string | undefined
}

/** Reads server-sent events as the private listener writes them: lines end with a newline. Yields those that arrive together. */
export async function* messagesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<Message[], void, void> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true })
    const end = text.lastIndexOf('\n\n')
    if (end === -1) continue
    const whole = text.slice(0, end)
    text = text.slice(end + 2)
    yield whole
      .split('\n\n')
      .map(messageOf)
      .filter((message) => message !== null)
  }
}

/** Null: it says nothing. */
function messageOf(block: string): Message | null {
  const message: Message = { event: 'message', data: '', id: undefined }
  let saysSomething = false
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':')
    if (colon <= 0) continue
    const value = line.slice(line.startsWith(' ', colon + 1) ? colon + 2 : colon + 1)
    const field = line.slice(0, colon)
    if (field === 'event' || field === 'data' || field === 'id') {
      message[field] = value
      saysSomething = true
    }
  }
  return saysSomething ? message : null
}
