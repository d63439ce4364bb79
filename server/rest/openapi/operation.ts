import type { AnswersByStatus, RouteTraits } from './answers.ts'
import type { SchemaName } from './schemas.ts'

/** A value in the path or the query, always a text. */
export interface ParameterSpec {
  readonly name: string
  readonly in: 'path' | 'query'
  readonly description: string
  readonly example?: string
}

export interface OperationSpec<N extends string = SchemaName> {
  readonly id: string
  readonly summary: string
  readonly description?: string
  readonly parameters?: readonly ParameterSpec[]
  readonly body?: { readonly schema: N; readonly forms: boolean }
  /** Its own answers; they stand before those that come before any handler. */
  readonly answers: AnswersByStatus<N>
}

/** Which credentials a route takes (rest-v1 §2.1). */
export type CredentialKind = 'token' | 'cookies' | 'apiKey'

/** A route; `N` are the names of its bodies. */
export interface RouteSpec<N extends string = SchemaName> extends Omit<RouteTraits, 'authenticates'> {
  /** As clients know it; a course id may hold `/` and `+`. */
  readonly path: string
  readonly tag: string
  /** None: credentials are not looked at. */
  readonly credentials: readonly CredentialKind[]
  readonly methods: Readonly<Partial<Record<'get' | 'post' | 'delete', OperationSpec<N>>>>
}
