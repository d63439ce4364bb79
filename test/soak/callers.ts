import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'

export interface CallersOptions {
  readonly url: string
  readonly internalUrl: string
  readonly apiKey: string
  readonly token: string
  readonly courseId: string
  readonly usernames: readonly string[]
  /** How many at a time; every second one uses the typed API. */
  readonly count: number
}

export interface Answer {
  readonly status: number
  /** When it came; `performance.now()`. */
  readonly at: number
  readonly ms: number
}

/** Callers that each ask again as soon as they have an answer, after a pause where they were refused. */
export function startCallers(options: CallersOptions, onAnswer: (answer: Answer) => void): AsyncDisposable {
  const agent = new Agent({ connections: options.count, headersTimeout: 120_000, bodyTimeout: 120_000 })
  let isOver = false
  const call = async (number: number) => {
    // One after another: a thousand connections at once are more than the system holds for a server that is about to take them.
    await sleep(number * 4)
    for (let turn = 0; !isOver; turn += 1) {
      const began = performance.now()
      const username = options.usernames[(number * 31 + turn) % options.usernames.length] ?? ''
      const status = await (number % 2 === 0 ? overRest : overTrpc)(agent, options, username).catch(() => 0)
      onAnswer({ status, at: performance.now(), ms: performance.now() - began })
      await sleep(status === 200 ? 1_000 : 500)
    }
  }
  const all = Promise.all(Array.from({ length: options.count }, (_, number) => call(number)))
  return {
    async [Symbol.asyncDispose]() {
      isOver = true
      await all
      await agent.destroy()
    },
  }
}

type Call = (agent: Agent, options: CallersOptions, username: string) => Promise<number>

const overRest: Call = (agent, { url, apiKey, courseId }, user) =>
  post(agent, `${url}/api/enrollment/v1/enrollment`, {
    headers: { 'x-edx-api-key': apiKey },
    body: { user, course_details: { course_id: courseId } },
  })

const overTrpc: Call = (agent, { internalUrl, token, courseId }, username) =>
  post(agent, `${internalUrl}/trpc/enrollment.enroll`, {
    headers: { authorization: `Bearer ${token}` },
    body: { username, courseId },
  })

async function post(
  dispatcher: Agent,
  url: string,
  { headers, body }: { headers: Record<string, string>; body: object },
): Promise<number> {
  const { statusCode, body: answer } = await request(url, {
    dispatcher,
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  await answer.dump()
  return statusCode
}
