import type { Registry } from '@prometheus-io/client'
import type { FastifyBaseLogger, FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { Kysely } from 'kysely'
import type { Migration } from 'kysely/migration'
import type { FundingSource } from '../core/bulk/sync/funding.ts'
import type { DB } from '../core/database/schema.ts'
import type { ConsumerStatus } from '../core/event/consumers.ts'
import type { Trace } from '../core/enrollment/traces.ts'
import type { ExtensionLineType } from '../core/import-export/group-importer.ts'
import type { Policy } from '../core/policy.ts'
import type { Logger } from '../routers/index.ts'
import type { OperationTable } from '../routers/operation.ts'
import type { FeedConsumer } from './background/feed-consumer.ts'
import type { FailureLog, WorkerStep } from './background/loop.ts'
import type { Config } from './config.ts'
import type { ExtensionEventBus } from './event-bus/feed.ts'
import type { InternalCallers } from './internal-caller.ts'
import type { Authentication } from './rest/auth/authenticate.ts'
import type { OpaqueTokens } from './rest/auth/opaque-tokens.ts'
import type { Identity } from './rest/auth/rights.ts'
import type { ForwardChange } from './rest/forward.ts'
import type { OpenApiPart } from './rest/openapi/part.ts'

export type { ForwardChange, ForwardedChange } from './rest/forward.ts'

/**
 * What a deployment adds to the server beside its own tables and rules: everything but the name is optional. The server knows
 * its extensions by this type alone, those that it brings along itself too.
 */
export interface Extension {
  /** Stands before the names of its migrations and tables: lower case letters, digits and underscores, from a letter on. */
  readonly name: string
  /**
   * Its migrations, in the order in which they run, after those of the core. They are reported under the extension's name, as
   * `enterprise/0001_initial`. Append only: one that has run somewhere never changes.
   */
  readonly migrations?: Readonly<Record<string, Migration>>
  /** Its types of lines of the import format, those first to which others refer. */
  readonly lineTypes?: readonly ExtensionLineType[]
  /** Its routes on the public listener. */
  readonly routes?: FastifyPluginAsync<ExtensionRouteOptions>
  /** Its routes on the private listener, beside its operations. */
  readonly internalRoutes?: FastifyPluginAsync<InternalRouteOptions>
  /** What `/openapi.json` tells of those on the public one. */
  readonly openApi?: OpenApiPart
  /**
   * Its procedures on the private listener, by group and name: `{ seats: { count: query({ … }) } }` is called as
   * `seats.count`. No group has the name of another.
   */
  readonly operations?: OperationTable
  /** What it does by itself while a server runs; asked once by each process. */
  readonly workers?: (context: WorkerContext) => Workers
  /** Opens what knows bearer tokens that are no JWT; asked once by each server, of one extension at most. */
  readonly openTokens?: ((log: FastifyBaseLogger) => OpaqueTokens) | undefined
  /** How it stands with what it follows outside of the feed: shown beside the consumers of the feed (events.md §5). */
  readonly consumers?: ((db: Kysely<DB>, now: Date) => Promise<ConsumerStatus[]>) | undefined
  /** Passes changes through the REST API on that it refuses because the LMS owns the course run; the first extension's is asked. */
  readonly forwardChange?: ForwardChange | undefined
  /** What it still knows about a learner and a course run, for `why` of the command line: oldest first. */
  readonly traces?: (db: Kysely<DB>, subject: ExtensionTraceSubject) => Promise<readonly Trace[]>
  /** Whose enrollments a roster leaves alone, because somebody pays for them (bulk.md §3). */
  readonly funding?: readonly FundingSource[]
  /** What it sends to the event bus of the platform, and takes from it, where the deployment has one. */
  readonly eventBus?: ExtensionEventBus
}

/** Whom and what `traces` are asked of. */
export interface ExtensionTraceSubject {
  /** The key inside this database; null: there is no such account. */
  readonly learnerId: number | null
  /** Folded; null: none is known. */
  readonly email: string | null
  /** Without branch and version. */
  readonly courseKey: string
}

/** What the routes of an extension work with. */
export interface ExtensionRouteOptions {
  readonly db: Kysely<DB>
  readonly policy: Policy
  readonly settings: Config
  /**
   * Finds out who asks, by `Authorization` and `X-Edx-Api-Key`; the account of a valid token is made when it does not exist.
   * What it throws for a token that is not valid is answered with 401 when the route lets it pass.
   */
  readonly authenticate: (request: FastifyRequest) => Promise<Identity>
  /** The same for routes that follow the conventions of server/rest, with cookies, permissions and methods. */
  readonly authentication: Authentication
  /** Metrics that are registered here are served with those of the server. */
  readonly metrics: Registry
  /** Fixes the clock. */
  readonly now?: (() => Date) | undefined
}

/** What the routes of an extension on the private listener work with. */
export interface InternalRouteOptions {
  readonly db: Kysely<DB>
  /** Finds out who asks. A route that does not ask lets everybody in. */
  readonly callers: InternalCallers
  /** Fixes the clock. */
  readonly now?: (() => Date) | undefined
}

/** What the background work of an extension works with. */
export interface WorkerContext {
  /** A pool. */
  readonly db: Kysely<DB>
  readonly log: Logger & FailureLog
  readonly policy: Policy
}

/** The background work of an extension. */
export interface Workers {
  /** Repeated, each in a loop of its own; their names tell them apart in the log. */
  readonly steps?: readonly WorkerStep[]
  /** Get every change of every enrollment once. */
  readonly consumers?: readonly FeedConsumer[]
}

/** The types of lines that extensions add to the import format. */
export function lineTypesOf(extensions: readonly Extension[]): readonly ExtensionLineType[] {
  return extensions.flatMap(({ lineTypes = [] }) => lineTypes)
}

const NAME = /^[a-z][a-z0-9_]{0,39}$/

/**
 * Checks what extensions say of themselves.
 *
 * @throws {TypeError} for a name that cannot be that of tables, or that two extensions have.
 */
export function checkExtensions(extensions: readonly Extension[]): void {
  const names = new Set<string>()
  for (const { name } of extensions) {
    if (!NAME.test(name)) throw new TypeError(`'${name}' cannot be the name of an extension`)
    if (names.has(name)) throw new TypeError(`Two extensions are called '${name}'`)
    names.add(name)
  }
}
