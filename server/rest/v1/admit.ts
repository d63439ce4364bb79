import type { FastifyReply, FastifyRequest } from 'fastify'
import { detail, NOT_AUTHENTICATED, NOT_PERMITTED, Refusal } from './answer.ts'
import { authenticate, type Authentication } from './authenticate.ts'
import { courseView } from './course.ts'
import { enrollmentListView } from './enrollment-list.ts'
import { enrollmentView } from './enrollment.ts'
import { acceptsJson } from './media-type.ts'
import { placeAt, type Place } from './path.ts'
import { parseFields, type Fields } from './query.ts'
import { NOBODY, rightsOf, type Rights } from './rights.ts'
import { allowedMethods, handlerOf, type Handler, type View } from './view.ts'

/** A request that may go on to its handler. */
export interface Admission {
  readonly handler: Handler
  readonly rights: Rights
  /** What the path says, by the names of the contract. */
  readonly pathFields: readonly (readonly [string, string])[]
  readonly query: Fields
  /** Empty where none was sent. */
  readonly contentType: string
}

/**
 * Everything that happens to a request before its body is read, in the order of rest-v1 §2.1: route, content
 * negotiation, authentication, permission, method. Every answer from then on carries `Allow`.
 *
 * @throws {Refusal} by the first check that fires.
 */
export async function admit(
  request: FastifyRequest,
  reply: FastifyReply,
  authentication: Authentication,
): Promise<Admission> {
  const contentType = takeContentType(request)
  const [path, query] = splitOnce(request.originalUrl, '?')
  const place = placeAt(path)
  if (place === null) throw new Refusal(detail(404, 'Not found.'))
  const view = viewOf(place)
  reply.header('allow', allowedMethods(view))
  if (!acceptsJson(request.headers.accept)) {
    throw new Refusal(detail(406, 'Could not satisfy the request Accept header.'))
  }
  const caller = view.authenticates ? await authenticate(request, authentication) : NOBODY
  const rights = rightsOf(caller)
  if (!view.permits(rights)) throw new Refusal(rights.account === null ? NOT_AUTHENTICATED : NOT_PERMITTED)
  const handler = handlerOf(view, request.method)
  if (handler === undefined) throw new Refusal(detail(405, `Method "${request.method}" not allowed.`))
  return { handler, rights, pathFields: pathFieldsOf(place), query: parseFields(query), contentType }
}

/** Hides the type of the body from Fastify, which would refuse it before anybody is asked who they are. */
function takeContentType({ raw }: FastifyRequest): string {
  const { 'content-type': contentType = '' } = raw.headers
  delete raw.headers['content-type']
  return contentType
}

function viewOf(place: Place): View {
  if (place.route === 'course') return courseView(place.courseId)
  return place.route === 'enrollment' ? enrollmentView(place) : enrollmentListView
}

function pathFieldsOf(place: Place): [string, string][] {
  if (place.route === 'enrollmentList') return []
  const username = place.route === 'enrollment' ? place.username : null
  return [...(username === null ? [] : [['username', username] as [string, string]]), ['course_id', place.courseId]]
}

function splitOnce(text: string, separator: string): [string, string] {
  const index = text.indexOf(separator)
  return index === -1 ? [text, ''] : [text.slice(0, index), text.slice(index + 1)]
}
