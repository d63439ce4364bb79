import {
  refusalsBeforeHandler,
  otherMethodAnswers,
  UNREADABLE,
  type AnswerHeader,
  type AnswersByStatus,
  type AnswerSpec,
} from './answers.ts'
import type { OperationSpec, ParameterSpec, RouteSpec } from './operation.ts'
import { refer } from './schemas.ts'
import { requirements } from './security.ts'

/** The tag of OPTIONS. */
export const DISCOVERY = 'Discovery'

/** A path of the document, with its operations by method. */
export type PathItem = Readonly<Record<string, object>>

/** Describes a route with every answer. */
export function pathItem(route: RouteSpec<string>): PathItem {
  const { tag, methods, credentials, envelope, isThrottled, mayNotExist = false } = route
  const traits = { authenticates: credentials.length > 0, envelope, isThrottled, mayNotExist }
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
  { id, summary, description, parameters = [], body }: Omit<OperationSpec<string>, 'answers'>,
  answers: AnswersByStatus<string>,
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

function contentOf({ schema, forms }: NonNullable<OperationSpec<string>['body']>): object {
  const content = { schema: refer([schema]) }
  const types = ['application/json', ...(forms ? ['application/x-www-form-urlencoded', 'multipart/form-data'] : [])]
  return Object.fromEntries(types.map((type) => [type, content]))
}

function answersOf(answers: AnswersByStatus<string>): Record<string, object> {
  return Object.fromEntries(Object.entries(answers).map(([status, spec]) => [status, answer(spec)]))
}

/** Describes an answer. */
export function answer({ description, bodies = [], orEmpty, headers = [] }: AnswerSpec<string>): object {
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
