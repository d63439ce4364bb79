import type * as z from 'zod'
import type { Request } from '../exchange/server.ts'

/** Who asks; what it takes is in `callers.ts`. */
export type Caller =
  | 'anonymous'
  | 'key'
  | 'learner'
  | 'other'
  | 'inactive'
  | 'teacher'
  | 'staff'
  | 'superuser'
  | 'worker'
  | 'keyLearner'
  | 'keyStaff'
  | 'bearerLearner'
  | 'bearerInactive'
  | 'fresh'

/** What an answer has to be. What is left out may be anything. */
export interface Expected {
  /** Null: any. */
  readonly status: number | null
  /** The body by value. */
  readonly json?: unknown
  /** A part of the body: keys that are left out may be anything, lists are whole. */
  readonly like?: unknown
  /** The body to the byte. */
  readonly text?: string
  /** The keys of the body, in their order. */
  readonly keys?: readonly string[]
  /** The form of the body. */
  readonly shape?: z.ZodType
  /** Null: the header is not there. */
  readonly headers?: Readonly<Record<string, string | RegExp | null>>
}

/** A request with who sends it and what has to be answered. */
export interface Step {
  readonly as: Caller
  readonly request: Request
  readonly expect: Expected
}

/** An enrollment: whose, in which course run, and how it stands, such as `active audit`; `none` where there is no row. */
export type Standing = readonly [username: string, courseId: string, words: string]

/** One thing that rest-v1 says, and the requests that show whether a server does it. */
export interface Case {
  /** As in rest-v1, without its sign: `3.2 row 15a`. */
  readonly section: string
  /** Together with the section it names the case. */
  readonly what: string
  /** Made before, with the API key; where nothing may be written it has to be so already. */
  readonly has?: readonly Standing[]
  readonly steps: readonly Step[]
  /** How enrollments have to stand afterwards. */
  readonly after?: readonly Standing[]
  /** The decision of rest-v1 §0 by which an LMS may answer otherwise. */
  readonly known?: string
}

/** Whether a case changes nothing, whatever the server does. */
export function isReading({ steps }: Case): boolean {
  return steps.every(({ as, request }) => as !== 'fresh' && ['GET', 'HEAD', 'OPTIONS'].includes(request.method))
}
