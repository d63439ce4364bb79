import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** A request that has come to the enrollment API of the LMS. */
export interface LmsRequest {
  readonly method: string
  readonly username: string
  readonly courseId: string
  readonly headers: IncomingHttpHeaders
  /** Of a POST. */
  readonly body: { readonly mode?: string; readonly is_active?: boolean; readonly [key: string]: unknown }
  /** Milliseconds since 1970. */
  readonly at: number
}

/** What an LMS knows of an enrollment. */
export interface LmsState {
  mode: string
  is_active: boolean
}

/**
 * Answers a request in another way than an LMS that works.
 *
 * @param work does what the LMS would do, and returns its answer.
 * @returns false: the LMS answers as usual.
 */
export type Script = (request: LmsRequest, response: ServerResponse, work: () => LmsState) => unknown

export interface ScriptedLms extends AsyncDisposable {
  readonly url: string
  readonly requests: LmsRequest[]
  /** Those that write. */
  posts(): LmsRequest[]
  /** By `username,course`. */
  readonly enrollments: Map<string, LmsState>
  /** How often an enrollment has changed. */
  readonly changes: string[]
  /** The most requests that ran at the same time for one enrollment. */
  mostAtOnce(): number
  script: Script
}

/** The REST side of an LMS: a real HTTP server that fails as it is told (lms.md D.4). */
export async function openScriptedLms(): Promise<ScriptedLms> {
  const enrollments = new Map<string, LmsState>()
  const requests: LmsRequest[] = []
  const changes: string[] = []
  const running = new Map<string, number>()
  let most = 0
  const server = createServer((incoming, response) => {
    incoming.on('error', () => {})
    const take = async () => {
      const body = JSON.parse((await text(incoming)) || '{}') as LmsRequest['body'] // ours
      const request = requestOf(incoming.method ?? '', incoming.url ?? '', incoming.headers, body)
      requests.push(request)
      const pair = `${request.username},${request.courseId}`
      running.set(pair, (running.get(pair) ?? 0) + 1)
      most = Math.max(most, running.get(pair) ?? 0)
      response.on('close', () => running.set(pair, (running.get(pair) ?? 1) - 1))
      const work = () => {
        const state = { mode: body.mode ?? 'audit', is_active: body.is_active ?? true }
        const before = enrollments.get(pair)
        if (before?.mode !== state.mode || before.is_active !== state.is_active) {
          changes.push(`${pair} ${state.is_active ? 'active' : 'inactive'} ${state.mode}`)
        }
        enrollments.set(pair, state)
        return state
      }
      if ((await lms.script(request, response, work)) !== false) return
      if (request.method === 'POST') answer(response, 200, work())
      else answer(response, 200, enrollments.get(pair) ?? null)
    }
    take().catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // of a server on a port
  const lms: ScriptedLms = {
    url: `http://127.0.0.1:${port}`,
    requests,
    posts: () => requests.filter(({ method }) => method === 'POST'),
    enrollments,
    changes,
    mostAtOnce: () => most,
    script: () => false,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return lms
}

/** Answers with JSON; null: with nothing, as the LMS says that there is none. */
export function answer(response: ServerResponse, status: number, body: object | null, headers = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(body === null ? '' : JSON.stringify(body))
}

function requestOf(method: string, url: string, headers: IncomingHttpHeaders, body: LmsRequest['body']): LmsRequest {
  const at = Date.now()
  if (method === 'POST') {
    const { user, course_details: details } = body as { user: string; course_details: { course_id: string } } // ours
    return { method, username: user, courseId: details.course_id, headers, body, at }
  }
  const name = decodeURIComponent(url.split('/enrollment/v1/enrollment/')[1] ?? '')
  const comma = name.indexOf(',')
  return { method, username: name.slice(0, comma), courseId: name.slice(comma + 1), headers, body, at }
}
