import {
  refusalsBeforeHandler,
  otherMethodAnswers,
  UNREADABLE,
  type AnswerHeader,
  type AnswersByStatus,
  type AnswerSpec,
} from './answers.ts'
import type { OperationSpec, ParameterSpec, RouteSpec } from './operation.ts'
import { routes } from './routes.ts'
import { componentSchemas, refer } from './schemas.ts'
import { requirements, securitySchemes } from './security.ts'

const DESCRIPTION = `Enrollment of learners in course runs: the Enrollment API v1 of Open edX.

HEAD goes wherever GET does. What \`x-other-methods\` lists is the answer to methods that a path does not have. A path
without its last slash is answered with 301 where the slash belongs to it, and any other path with 404.`

/** The tag of OPTIONS. */
const DISCOVERY = 'Discovery'

/** A document of OpenAPI 3.1, as plain data. */
export type OpenApiDocument = {
  readonly openapi: string
  readonly info: object
  readonly tags: readonly object[]
  readonly paths: Readonly<Record<string, PathItem>>
  readonly components: Readonly<Record<'schemas' | 'responses' | 'securitySchemes', Readonly<Record<string, object>>>>
}

type PathItem = Readonly<Record<string, object>>

/** Describes the REST API: its nine routes with every answer, from the schemas of the bodies. */
export function openApiDocument(): OpenApiDocument {
  return {
    openapi: '3.1.1',
    info: {
      title: 'Enrollment API',
      version: '1',
      description: DESCRIPTION,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    // In the order in which a page shows them.
    tags: [...new Set(routes.map(({ tag }) => tag)), DISCOVERY].map((name) => ({ name })),
    paths: Object.fromEntries(routes.map((route) => [route.path, pathItem(route)])),
    components: {
      schemas: componentSchemas(),
      responses: {
        NotFound: answer({ description: 'There is no such path.', bodies: ['Detail'] }),
        SlashMissing: answer({ description: 'The path has to end in a slash.' }),
      },
      securitySchemes,
    },
  }
}

function pathItem(route: RouteSpec): PathItem {
  const { tag, methods, credentials, envelope, isThrottled } = route
  const traits = { authenticates: credentials.length > 0, envelope, isThrottled }
  const parameters = Object.values(methods)
    .flatMap((operation) => operation.parameters ?? [])
    .filter((each) => each.in === 'path')
  const operations = Object.entries(methods).map(([method, { answers, ...operation }]) => {
    const security = requirements(credentials, { isChange: method !== 'get' })
    return [method, describe(operation, { ...refusalsBeforeHandler(traits), ...answers }, { tag, security })]
  })
  const options: OperationSpec = {
    id: `describe${upperFirst(Object.values(methods)[0]?.id ?? '')}`,
    summary: 'What the route is called and takes',
    answers: { 200: { description: 'Its name.', bodies: ['RouteDescription'], headers: ['Allow'] }, ...UNREADABLE },
  }
  return {
    ...(parameters.length > 0 && { parameters: parameters.map(parameter) }),
    ...Object.fromEntries(operations),
    options: describe(
      options,
      { ...refusalsBeforeHandler(traits), ...options.answers },
      {
        tag: DISCOVERY,
        security: requirements(credentials, { isChange: false }),
      },
    ),
    'x-other-methods': { responses: answersOf(otherMethodAnswers(traits)) },
  }
}

function describe(
  { id, summary, description, parameters = [], body }: Omit<OperationSpec, 'answers'>,
  answers: AnswersByStatus,
  { tag, security }: { tag: string; security: object[] },
): object {
  const inQuery = parameters.filter((each) => each.in === 'query')
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    security,
    ...(inQuery.length > 0 && { parameters: inQuery.map(parameter) }),
    ...(body && { requestBody: { required: true, content: contentOf(body) } }),
    responses: answersOf(answers),
  }
}

function parameter({ name, in: place, description, example }: ParameterSpec): object {
  return {
    name,
    in: place,
    description,
    ...(place === 'path' && { required: true }),
    schema: { type: 'string' },
    ...(example !== undefined && { example }),
  }
}

function contentOf({ schema, forms }: NonNullable<OperationSpec['body']>): object {
  const content = { schema: refer([schema]) }
  const types = ['application/json', ...(forms ? ['application/x-www-form-urlencoded', 'multipart/form-data'] : [])]
  return Object.fromEntries(types.map((type) => [type, content]))
}

function answersOf(answers: AnswersByStatus): Record<string, object> {
  return Object.fromEntries(Object.entries(answers).map(([status, spec]) => [status, answer(spec)]))
}

function answer({ description, bodies = [], orEmpty, headers = [] }: AnswerSpec): object {
  return {
    description,
    ...(headers.length > 0 && { headers: Object.fromEntries(headers.map((name) => [name, header(name)])) }),
    ...(bodies.length > 0 && { content: { 'application/json': { schema: refer(bodies) } } }),
    ...(orEmpty && { 'x-or-empty': true }),
  }
}

function header(name: AnswerHeader): object {
  return { required: true, ...HEADERS[name] }
}

const HEADERS: Readonly<Record<AnswerHeader, object>> = {
  Allow: { description: 'The methods of the route.', schema: { type: 'string' }, example: 'GET, HEAD, OPTIONS' },
  'Retry-After': { description: 'Seconds.', schema: { type: 'string', pattern: '^[0-9]+$' }, example: '60' },
  'WWW-Authenticate': { schema: { type: 'string', const: 'JWT realm="api"' } },
}

function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
