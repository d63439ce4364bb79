import type { Logger } from '../../../routers/index.ts'
import type { FieldReader } from './fields.ts'

// How the house receives requests to the routes of the tenant: as those to its own, in the same words (rest-v1 §2).

/** Whoever is signed in. */
export interface Requester {
  readonly learnerId: number
  readonly username: string
  readonly isGlobalStaff: boolean
}

/** A request that has been let in. */
export interface DoorRequest {
  readonly requester: Requester
  /** What the path says, by the names of the route. */
  readonly path: Readonly<Record<string, string>>
  /** As JSON; an empty object where nothing was sent. */
  readonly body: unknown
  /** Reads the fields of the body; throws where it is no object. */
  fields(): FieldReader
  readonly requestId: string
  readonly log: Logger
}

export interface DoorAnswer {
  readonly status: number
  readonly body?: unknown
}

/** A route: who of those that are signed in may come in, and what its methods do; the house answers all others. */
export interface DoorView {
  /** What OPTIONS calls it. */
  readonly name: string
  permits(requester: Requester, path: DoorRequest['path']): Promise<boolean>
  readonly methods: { readonly POST: (request: DoorRequest) => Promise<DoorAnswer> }
}

/** What the house says of a request that is refused; to be thrown. */
export type Refuse = (status: number, text: string) => Error
