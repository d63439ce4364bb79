import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { UUID_FORM } from '../../enterprise/uuid.ts'
import { builtInExtensions } from '../../server/extensions.ts'
import { openApiDocument, type OpenApiDocument } from '../../server/rest/openapi/document.ts'
import { documentedRoute } from '../../server/rest/openapi/routes.ts'
import { findRoute } from '../../server/rest/routes.ts'

/** What was sent, as far as the document speaks of it. */
export interface Sent {
  method: string
  /** With its query. */
  url: string
  headers: Record<string, string>
  body?: string | Buffer | undefined
}

/** What came back, as it was sent. */
export interface Received {
  status: number
  headers: Readonly<Record<string, unknown>>
  text: string
}

interface ResponseObject {
  headers?: Record<string, { schema: object }>
  content?: Record<string, { schema: object }>
  'x-or-empty'?: true
}

interface OperationObject {
  requestBody?: { content: Record<string, { schema: object }> }
  responses: Record<string, ResponseObject>
}

/** The document as the server has it. */
export function documentOfServer(): OpenApiDocument {
  return openApiDocument(builtInExtensions.flatMap(({ openApi = [] }) => openApi))
}

/**
 * Makes the check that holds the door against its document: the status has to be documented for the path and method, and
 * the headers and the body have to be what is documented for the status. What the door accepted in JSON has to be a body
 * that the document allows.
 *
 * @returns what is wrong with an answer; nothing: it is as documented.
 */
export function documentCheck(document = documentOfServer()): (sent: Sent, received: Received) => string[] {
  const isValid = schemaCheck(document)
  const enterprisePath = pathFinder(Object.keys(document.paths).filter((path) => path.startsWith(ENTERPRISE)))
  return (sent, received) => {
    // A preflight is answered before the door.
    if (sent.method === 'OPTIONS' && 'access-control-request-method' in sent.headers) return []
    const [address = ''] = sent.url.split('?', 1)
    if (address.startsWith(ENTERPRISE)) {
      const path = enterprisePath(address)
      // The router's own answer, which is the same everywhere.
      if (path === undefined) return received.status === 404 ? [] : [`${received.status} is not 404`]
      return faultsAt(path, sent, received)
    }
    const match = findRoute(address)
    if (match === null) return outside('404', 'NotFound', sent, received)
    if (match === 'slashMissing') return outside('301', 'SlashMissing', sent, received)
    return faultsAt(documentedRoute(match).path, sent, received)
  }

  function faultsAt(path: string, sent: Sent, received: Received): string[] {
    const item = (document.paths[path] ?? {}) as Record<string, OperationObject>
    const name = sent.method === 'HEAD' ? 'get' : sent.method.toLowerCase()
    const operation = item[name] ?? item['x-other-methods']
    const response = operation?.responses[received.status]
    if (operation === undefined || response === undefined) return [`${received.status} is not documented`]
    return [...faultsOfRequest(operation, sent, received), ...faultsOfAnswer(response, sent, received)]
  }

  function outside(status: string, name: 'NotFound' | 'SlashMissing', sent: Sent, received: Received): string[] {
    if (String(received.status) !== status) return [`${received.status} is not ${status}, ${name}`]
    return faultsOfAnswer(document.components.responses[name] as ResponseObject, sent, received)
  }

  function faultsOfAnswer(response: ResponseObject, { method }: Sent, { headers, text }: Received): string[] {
    const faults = Object.entries(response.headers ?? {}).flatMap(([name, { schema }]) => {
      const value = headers[name.toLowerCase()]
      return value === undefined ? [`${name} is missing`] : isValid(schema, value)
    })
    const { 'application/json': content } = response.content ?? {}
    if (text === '') {
      const mayBeEmpty = method === 'HEAD' || content === undefined || response['x-or-empty'] === true
      return mayBeEmpty ? faults : [...faults, 'the body is empty']
    }
    if (content === undefined) return [...faults, 'there is a body']
    if (headers['content-type'] !== 'application/json') faults.push('the body is not called JSON')
    return [...faults, ...isValid(content.schema, JSON.parse(text))]
  }

  function faultsOfRequest({ requestBody }: OperationObject, { headers, body }: Sent, { status }: Received): string[] {
    const { 'application/json': content } = requestBody?.content ?? {}
    const isJson = headers['content-type'] === 'application/json'
    if (status >= 300 || content === undefined || !isJson || body === undefined) return []
    return isValid(content.schema, JSON.parse(String(body))).map((fault) => `accepted although ${fault}`)
  }
}

const ENTERPRISE = '/enterprise/'

/** What the router takes for a parameter of a path. */
const FORMS = { customer: '[^/.]+', fulfillment: '[A-Za-z0-9-]+' }

/** The oldest route: it has to end in a slash, and what is no UUID is no customer. The others may lack theirs. */
const OLDEST = /enroll_learners_in_courses\/$/

/** Finds the path of the document that an address is one of. */
function pathFinder(paths: readonly string[]): (address: string) => string | undefined {
  const forms = paths.map((path) => {
    const [parameters, end] = OLDEST.test(path) ? [{ customer: UUID_FORM.slice(1, -1) }, '/'] : [FORMS, '/?']
    const form = path
      .replace(/\/$/, '')
      .replaceAll(/\{(\w+)\}/g, (_, name: keyof typeof parameters) => parameters[name])
    return { path, form: new RegExp(`^${form}${end}$`) }
  })
  return (address) => forms.find(({ form }) => form.test(address))?.path
}

/** Checks a value against a schema of the document, which may refer to others there. */
function schemaCheck(document: object): (schema: object, value: unknown) => string[] {
  const ajv = new Ajv2020({ strict: false, validateSchema: false, validateFormats: false, allErrors: true })
  // By an address, so that the references of schemas are resolved inside the document.
  ajv.addSchema(document, 'document')
  const validators = new Map<string, ValidateFunction>()
  return (schema, value) => {
    const text = JSON.stringify(schema).replaceAll('"#/', '"document#/')
    const validate = validators.get(text) ?? ajv.compile(JSON.parse(text))
    validators.set(text, validate)
    if (validate(value)) return []
    return [`${JSON.stringify(value)?.slice(0, 300)}: ${ajv.errorsText(validate.errors, { dataVar: 'body' })}`]
  }
}
