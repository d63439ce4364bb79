import { fastifyCookie } from '@fastify/cookie'
import type { FastifyPluginAsync } from 'fastify'
import { maskCsrfSecret } from './csrf-token.ts'
import { sendCsrfCookie } from './csrf.ts'

/**
 * `GET /csrf/api/v1/token`, which every service of the platform has: before a change, the platform's scripts ask the host
 * that they are going to call for the token that goes with its cookie. A page of another origin can read the answer only
 * if it is allowed to call with cookies.
 */
export const csrfTokenRoute: FastifyPluginAsync<{ readonly now?: (() => Date) | undefined }> = async (app, { now }) => {
  await app.register(fastifyCookie)
  app.get('/csrf/api/v1/token', async (request, reply) => {
    const secret = sendCsrfCookie(request, reply, now?.() ?? new Date())
    void reply.header('cache-control', 'no-store')
    return { csrfToken: maskCsrfSecret(secret) }
  })
}
