import type { Registry } from '@prometheus-io/client'
import type { FastifyPluginAsync } from 'fastify'

/**
 * `GET /metrics`: what the server counts and measures, in the text format of Prometheus. It asks for no token, as health does:
 * nobody but operators reaches the private listener, and nothing in it names anybody.
 */
export const metricsRoute: FastifyPluginAsync<{ readonly registry: Registry }> = async (app, { registry }) => {
  app.get('/metrics', async (_request, reply) => {
    const text = await registry.metrics()
    return reply.header('cache-control', 'no-store').type(registry.contentType).send(text)
  })
}
