import { fastifyCookie } from '@fastify/cookie'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { InternalRouteOptions } from '../extension.ts'
import { SESSION_COOKIE } from '../internal-caller.ts'
import { canonicalAddress } from '../rest/checks/client-address.ts'
import { isSecureRequest } from '../rest/auth/csrf.ts'
import type { PageFile } from './files.ts'
import { isSameOrigin } from './same-origin.ts'
import { SESSION_S } from './session.ts'

export interface ConsoleRoutesOptions extends InternalRouteOptions {
  /** The built page by name; `index.html` is the page itself. */
  readonly files: ReadonlyMap<string, PageFile>
}

/**
 * The page of the console on the private listener (bulk §6): `GET /console` and every view below it; `POST /console/session` signs
 * in with an internal token, `GET` says who is signed in, `DELETE` signs out. What the page shows comes from `/trpc`.
 */
export const consoleRoutes: FastifyPluginAsync<ConsoleRoutesOptions> = async (app, { files, callers, now }) => {
  const clock = now ?? (() => new Date())
  app.addHook('onSend', async (_request, reply) => void reply.headers(HEADERS))

  const page = (request: FastifyRequest, reply: FastifyReply) => sendFile(files.get('index.html'), request, reply)
  app.get('/console', page)
  app.get('/console/*', page)
  app.get<{ Params: { name: string } }>('/console/assets/:name', (request, reply) =>
    sendFile(files.get(request.params.name), request, reply),
  )

  app.get('/console/session', async (request, reply) => {
    const name = await callers.of(request)
    if (name === undefined) return unknownCaller(reply)
    return reply.header('cache-control', 'no-store').send({ name })
  })

  app.post('/console/session', { bodyLimit: 4_096 }, async (request, reply) => {
    if (!isSameOrigin(request.headers)) return reply.code(403).send({ detail: 'Another site cannot sign in here.' })
    const { data } = signIn.safeParse(request.body)
    if (data === undefined) return reply.code(400).send({ detail: 'Send {"token": "…"}.' })
    const name = callers.byToken(data.token)
    if (name === undefined) {
      await callers.wrongCredentials(canonicalAddress(request.ip))
      return unknownCaller(reply)
    }
    const cookie = { ...cookieOf(request), maxAge: SESSION_S }
    return reply
      .header(
        'set-cookie',
        fastifyCookie.serialize(SESSION_COOKIE, callers.sessions.begin(data.token, clock()), cookie),
      )
      .header('cache-control', 'no-store')
      .send({ name })
  })

  app.delete('/console/session', async (request, reply) => {
    if (!isSameOrigin(request.headers)) return reply.code(403).send({ detail: 'Another site cannot sign out here.' })
    const gone = { ...cookieOf(request), maxAge: 0 }
    return reply
      .code(204)
      .header('set-cookie', fastifyCookie.serialize(SESSION_COOKIE, '', gone))
      .send()
  })
}

const signIn = z.strictObject({ token: z.string().trim().min(1).max(2_048) })

function unknownCaller(reply: FastifyReply) {
  return reply.code(401).header('cache-control', 'no-store').send({ detail: 'A token of INTERNAL_TOKENS is required.' })
}

function cookieOf(request: FastifyRequest) {
  return { path: '/', httpOnly: true, sameSite: 'strict', secure: isSecureRequest(request) } as const
}

/** Nothing of another origin, nothing inline, in no frame of anybody. */
const HEADERS = {
  'content-security-policy': [
    `default-src 'none'`,
    `script-src 'self'`,
    `style-src 'self'`,
    `connect-src 'self'`,
    `img-src 'self'`,
    `base-uri 'none'`,
    `form-action 'none'`,
    `frame-ancestors 'none'`,
    `require-trusted-types-for 'script'`,
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  // With it, requests without `Origin` say where they come from, and other sites learn nothing.
  'referrer-policy': 'same-origin',
}

function sendFile(file: PageFile | undefined, { headers }: FastifyRequest, reply: FastifyReply) {
  if (file === undefined) return reply.code(404).send({ detail: 'Not Found.' })
  // The names stay the same from release to release: a browser asks each time whether it has the newest.
  reply.headers({ 'cache-control': 'no-cache', etag: file.etag })
  if (headers['if-none-match'] === file.etag) return reply.code(304).send()
  return reply.type(file.type).send(file.content)
}
