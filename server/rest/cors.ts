import type { FastifyCorsOptions } from '@fastify/cors'
import type { FastifyRequest } from 'fastify'

/**
 * Lets the pages of other origins call with cookies: exactly those that are listed. Others get no header of CORS, and no
 * answer to a preflight but that of the route. A preflight carries no credentials: it is answered before anybody is asked
 * for them (rest-v1 §2.5, D14).
 */
export function allowedOrigins(origins: readonly string[]): FastifyCorsOptions {
  return {
    delegator: (request, callback) => {
      const { origin } = request.headers
      if (origin === undefined || !origins.includes(origin)) callback(null, { origin: false })
      else callback(null, { ...allowed, origin: [origin], preflight: isPreflight(request) })
    },
  }
}

const allowed: FastifyCorsOptions = {
  credentials: true,
  methods: ['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS'],
  // What the original allows its pages to send, and the header that goes with its cookies.
  allowedHeaders: ['Accept', 'Authorization', 'Content-Type', 'USE-JWT-COOKIE', 'X-CSRFToken', 'X-Requested-With'],
  exposedHeaders: ['Retry-After'],
  // Seconds; a day.
  maxAge: 86_400,
}

/** Any other OPTIONS is a question to the route, also one that names no method. */
function isPreflight({
  method,
  headers: { 'access-control-request-method': requested = '' },
}: FastifyRequest): boolean {
  return method === 'OPTIONS' && requested !== ''
}
