import type { FastifyBaseLogger } from 'fastify'
import type { Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import type { CallMetadata } from '../../core/enrollment/command.ts'
import type { Policy } from '../../core/policy.ts'
import type { Permission, Rights } from './auth/rights.ts'
import type { SessionRule } from './auth/credentials.ts'
import type { EmbargoCheck } from './checks/embargo.ts'
import type { Throttling } from './checks/throttle.ts'
import type { ErrorEnvelope } from './django/error-envelope.ts'
import type { Fields } from './django/form.ts'
import type { Json } from './django/json.ts'
import type { ViewResponse } from './django/response.ts'
import type { ForwardChange } from './forward.ts'

/** A request that has passed every check before its handler. */
export interface ViewRequest {
  readonly db: Kysely<DB>
  readonly policy: Policy
  readonly rights: Rights
  /** What the history of an enrollment keeps of whoever changes it by this request. */
  readonly metadata: CallMetadata
  /** The absolute address that was asked for, without its query. */
  readonly url: string
  readonly query: Fields
  /** The path and the query, as they were sent. */
  readonly address: string
  readonly acceptLanguage: string | undefined
  /** An empty object where nothing was sent. */
  readonly body: Json
  readonly now: Date
  readonly log: FastifyBaseLogger
  /** Where the request comes from, see `clientAddresses`. */
  readonly addresses: () => readonly (string | null)[]
  /** Null: it is off. */
  readonly embargo: EmbargoCheck | null
  /** What passes changes in course runs of the LMS on to it; null: they are refused. */
  readonly forward: ForwardChange | null
}

export type Handler<R = ViewRequest> = (request: R) => Promise<ViewResponse>

/** One route: who may come in, and what each method does with a request. */
export interface View<R = ViewRequest> {
  /** What OPTIONS calls it. */
  readonly name: string
  /** Whether credentials are looked at; where they are not, a wrong token is no error (rest-v1 §2.1). */
  readonly authenticates: boolean
  /** Whom the cookies of a browser let in; everybody with an account unless told. */
  readonly session?: SessionRule
  /** Whether whoever reads gets the secret that goes with changes by cookies (rest-v1 §2.5). */
  readonly givesCsrfCookie?: boolean
  /** Whether a token that is sent as `Bearer` is wrong when its account is not active (rest-v1 §2.1). */
  readonly bearerMustBeActive?: boolean
  readonly permits: Permission
  /** Unless it says so, `switchable`. */
  readonly throttling?: Throttling
  /** The form of its refusals, before and in its handlers; unless told, that of Django REST framework. */
  readonly errorEnvelope?: ErrorEnvelope
  /** Whether bodies are looked at; unless told, those of all methods but GET. */
  readonly readsBody?: boolean
  readonly methods: Readonly<Partial<Record<Method, Handler<R>>>>
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const
type Method = (typeof METHODS)[number]

/** The value of `Allow`: HEAD goes with GET, and OPTIONS with everything (rest-v1 §2.3). */
export function allowedMethods({ methods }: Pick<View<never>, 'methods'>): string {
  let handled = ''
  for (const method of METHODS) if (methods[method] !== undefined) handled += `${method}, `
  return `${handled}${methods.GET === undefined ? '' : 'HEAD, '}OPTIONS`
}

/** The handler of a method; undefined: 405. */
export function handlerOf<R>(view: View<R>, method: string): Handler<R> | undefined {
  if (method === 'OPTIONS') return async () => ({ status: 200, body: describe(view) })
  const name = method === 'HEAD' ? 'GET' : METHODS.find((known) => known === method)
  return name && view.methods[name]
}

function describe({ name }: Pick<View, 'name'>): object {
  return {
    name,
    description: '',
    renders: ['application/json'],
    parses: ['application/json', 'application/x-www-form-urlencoded', 'multipart/form-data'],
  }
}
