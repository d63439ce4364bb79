import { randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import type { DB } from '../../core/database/schema.ts'
import type { WorkerStep } from '../../server/background/loop.ts'
import type { LmsDB } from '../database/schema.ts'
import { importEnrollments } from '../import/enrollments/index.ts'
import { openLmsSource } from '../source/source.ts'
import { comparisonStream } from './comparison.ts'
import { lmsConnection } from './connection.ts'
import { enrollmentStream } from './enrollments/index.ts'
import { tableStream } from './follow-table.ts'
import { followedTables } from './followed-tables.ts'
import { streamStep } from './stream-step.ts'

/** Milliseconds that the LMS may be silent while it is followed: sums over large tables take their time. */
const SILENCE_MS = 30_000

/** What the log is told. */
export interface FollowLog {
  info?(fields: object, message: string): void
}

/**
 * Follows an LMS (adoption.md §4): one loop for each stream. Any number of processes may do so; one of them at a time works at a
 * stream. Tables share a connection to the LMS; the enrollments and the comparison of each night have one for themselves.
 */
export function followSteps(plain: Kysely<DB>, url: string, log: FollowLog): WorkerStep[] {
  const db = plain as unknown as Kysely<LmsDB> // The tables of the extension are in the same database.
  const context = { db, holder: randomUUID() }
  const connections = {
    tables: lmsConnection(url, SILENCE_MS),
    enrollments: lmsConnection(url, SILENCE_MS),
    comparison: lmsConnection(url, SILENCE_MS),
  }
  const told = once()
  const onAside = (table: string, primaryKey: string, why: string) => {
    if (told(`${table} ${primaryKey} ${why}`)) log.info?.({ table, primaryKey, why }, 'a row of the LMS is kept aside')
  }
  const importAll = async () => {
    await using source = await openLmsSource(url, { snapshot: true })
    const mode = { dryRun: false, prefer: 'here', now: new Date() } as const
    await importEnrollments(db, source, mode, { remark: () => {}, count: () => {} }, { history: true })
  }
  const tables = followedTables(db, ({ table, primaryKey, why }) => onAside(table, primaryKey, why))
  const streams = [
    ...tables.map((followed) => tableStream({ db, connection: connections.tables }, followed)),
    enrollmentStream({
      db,
      connection: connections.enrollments,
      importAll,
      onWaiting: (rows) => {
        for (const { id, why } of rows) onAside('student_courseenrollment', String(id), why)
      },
    }),
    comparisonStream({ db, connection: connections.comparison }),
  ]
  return streams.map((stream) => closing(streamStep(context, stream), Object.values(connections)))
}

/** Closes the connections when the server stops. */
function closing(step: WorkerStep, connections: readonly AsyncDisposable[]): WorkerStep {
  let isListening = false
  return {
    ...step,
    run(signal) {
      if (!isListening) {
        isListening = true
        signal.addEventListener('abort', () => {
          for (const connection of connections) connection[Symbol.asyncDispose]().then(undefined, () => {})
        })
      }
      return step.run(signal)
    },
  }
}

/** So many things are remembered. */
const MAX_TOLD = 10_000

/** Says whether something is told for the first time. */
function once(): (what: string) => boolean {
  const told = new Set<string>()
  return (what) => {
    if (told.has(what)) return false
    if (told.size >= MAX_TOLD) told.clear()
    told.add(what)
    return true
  }
}
