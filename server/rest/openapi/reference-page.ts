import { fastifyHelmet } from '@fastify/helmet'
import { fastifySwagger, type StaticDocumentSpec } from '@fastify/swagger'
import { fastifySwaggerUi } from '@fastify/swagger-ui'
import type { FastifyPluginAsync } from 'fastify'
import { openApiDocument } from './document.ts'
import type { OpenApiPart } from './part.ts'

export interface ReferencePageOptions {
  /** What extensions tell of their routes. */
  readonly parts: readonly OpenApiPart[]
}

/**
 * The document of the REST API at `/openapi.json`, and a page of it at `/docs`: all that the page needs is served
 * here, and it may ask nobody else.
 */
export const referencePage: FastifyPluginAsync<ReferencePageOptions> = async (app, { parts }) => {
  const document = openApiDocument(parts)
  await app.register(fastifyHelmet, { contentSecurityPolicy: { useDefaults: false, directives: CONTENT } })
  // Its types know documents of 3.0 at most; it hands out what it is given.
  const specification = { document } as unknown as StaticDocumentSpec
  await app.register(fastifySwagger, { mode: 'static', specification })
  // Without the bar at the top, which brings a style of its own that the policy refuses.
  await app.register(fastifySwaggerUi, {
    routePrefix: '/docs',
    theme: { title: 'Enrollment API' },
    uiConfig: { layout: 'BaseLayout' },
  })
  app.get('/openapi.json', async () => document)
}

const CONTENT = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
  imgSrc: ["'self'", 'data:'],
  connectSrc: ["'self'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
}
