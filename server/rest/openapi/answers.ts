import type { SchemaName } from './schemas.ts'

/** One of the answers of an operation; `N` are the names that its bodies may have. */
export interface AnswerSpec<N extends string = SchemaName> {
  readonly description: string
  /** The body is one of these; without any it is empty, and has no `Content-Type`. */
  readonly bodies?: readonly N[]
  /** Whether the body may be empty too. */
  readonly orEmpty?: true
  /** Headers that are always there. */
  readonly headers?: readonly AnswerHeader[]
}

export type AnswerHeader = 'WWW-Authenticate' | 'Retry-After' | 'Allow'

export type AnswersByStatus<N extends string = SchemaName> = Readonly<Record<number, AnswerSpec<N>>>

/** What differs between routes in the answers that come before any handler (rest-v1 §2.1). */
export interface RouteTraits {
  readonly authenticates: boolean
  readonly isThrottled: boolean
  /** Whether what the path names may not exist, which is told before the method is looked at. */
  readonly mayNotExist?: boolean
  /** The envelope of refusals. */
  readonly envelope: 'Detail' | 'DeveloperMessage'
}

/** The refusals that any method of a route may meet (rest-v1 §2.3). */
export function refusalsBeforeHandler({
  authenticates,
  isThrottled,
  mayNotExist = false,
  envelope,
}: RouteTraits): AnswersByStatus {
  return {
    ...(authenticates && credentialAnswers(envelope)),
    ...(mayNotExist && { 404: { description: 'There is no such thing.', bodies: ['Detail'] } }),
    406: { description: 'JSON is all that there is, and `Accept` does not take it.', bodies: [envelope] },
    ...(isThrottled && {
      429: { description: 'Too many requests in the last minute.', bodies: [envelope], headers: ['Retry-After'] },
    }),
    503: { description: 'Try again in a moment.', bodies: ['Detail'], headers: ['Retry-After'] },
  }
}

function credentialAnswers(envelope: RouteTraits['envelope']): AnswersByStatus {
  const bodies = envelope === 'Detail' ? (['Detail', 'WrongToken'] as const) : [envelope]
  const challenge: Partial<AnswerSpec> = envelope === 'Detail' ? { headers: ['WWW-Authenticate'] } : {}
  return {
    401: { description: 'No credentials, or wrong ones.', bodies, ...challenge },
    403: { description: 'Not permitted, or a change by cookies without its CSRF token.', bodies: [envelope] },
  }
}

/** What a method that the route does not have is answered. */
export function otherMethodAnswers(traits: RouteTraits): AnswersByStatus {
  const { envelope } = traits
  return {
    ...refusalsBeforeHandler(traits),
    405: { description: 'The route does not have the method.', bodies: [envelope], headers: ['Allow'] },
  }
}

/** The refusal of texts that cannot be stored: NUL characters, lone surrogates. */
export const UNSTORABLE: AnswersByStatus = {
  400: { description: 'A text holds a NUL character or half of a surrogate pair.', bodies: ['Message'] },
}

/** The refusal of a change in a course run of the LMS, beside that of a caller who may not ask for it. */
export const OWNED_BY_LMS: AnswersByStatus = {
  403: {
    description: 'Not permitted, or the LMS writes the enrollments of the course run.',
    bodies: ['Detail', 'Message'],
  },
}

/** The refusals of bodies that cannot be read. */
export const UNREADABLE: AnswersByStatus = {
  400: { description: 'The body cannot be read, or a field is wrong.', bodies: ['Message', 'Detail'] },
  413: { description: 'The body is larger than 1 MiB.', bodies: ['Detail'] },
  415: { description: 'The body is neither JSON nor a form.', bodies: ['Detail'] },
}
