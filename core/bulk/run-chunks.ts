import type { Kysely } from 'kysely'
import type { DB } from '../database/schema.ts'
import type { OutcomeKind } from '../enrollment/command.ts'
import { areChunksApart, holdsAfterChunk, prepareChunk, runChunk, type Chunk } from './chunk.ts'
import { hasWaitingJobs } from './queue.ts'
import type { ChunkContext } from './source.ts'

/** Milliseconds after which it is the turn of other jobs, where any wait. */
const SLICE_MS = 200

/** A chunk that is being carried out. */
interface RunningChunk {
  readonly chunk: Chunk
  /** How many of its lines have which outcome. */
  readonly ended: Promise<Counts>
}

type Counts = Readonly<Partial<Record<OutcomeKind, number>>>

/**
 * Carries out the chunks of a job until it is the turn of others. While one is written the next one is read and decided; it is written
 * too where neither makes a difference to the other. So two are under way, at the most.
 *
 * @param db a pool.
 * @param signal is aborted when the process stops: what is under way is carried out to its end.
 * @returns whether all are done.
 */
export async function runChunks(db: Kysely<DB>, context: ChunkContext, signal: AbortSignal): Promise<boolean> {
  const underWay = new Set<Promise<unknown>>()
  try {
    return await runInTurn(db, context, { signal, underWay })
  } finally {
    await Promise.allSettled(underWay)
  }
}

interface TurnOptions {
  readonly signal: AbortSignal
  /** Gets all that has to have ended before somebody else goes on. */
  readonly underWay: Set<Promise<unknown>>
}

async function runInTurn(db: Kysely<DB>, context: ChunkContext, { signal, underWay }: TurnOptions): Promise<boolean> {
  const begin = <T>(work: Promise<T>): Promise<T> => {
    const ended = work.finally(() => underWay.delete(ended))
    ended.catch(() => {}) // It is awaited later.
    underWay.add(ended)
    return ended
  }
  let until = performance.now() + SLICE_MS
  // As in the chunk that was carried out last.
  let isLikelyNew = true
  let ahead: RunningChunk | undefined
  // Were carried out while the next one was read and decided.
  let beside: readonly Chunk[] = []
  let preparing = prepareChunk(db, atThisMoment(context), 0, { isLikelyNew })
  for (;;) {
    let chunk = await preparing
    if (chunk === undefined) {
      await ahead?.ended
      return true
    }
    const decided = chunk
    if (!beside.every((other) => areChunksApart(other, decided))) {
      if (ahead !== undefined) isLikelyNew = isMostlyNew(await ahead.ended, ahead.chunk)
      ahead = undefined
      chunk = { ...decided, holds: beside.every((other) => holdsAfterChunk(other, decided)) }
    }
    let isLast = signal.aborted
    if (performance.now() > until) {
      isLast ||= await hasWaitingJobs(db)
      until = performance.now() + SLICE_MS
    }
    const ended = begin(runChunk(db, chunk, atThisMoment(context)))
    beside = ahead === undefined ? [chunk] : [ahead.chunk, chunk]
    if (!isLast) preparing = begin(prepareChunk(db, atThisMoment(context), chunk.number + 1, { isLikelyNew }))
    if (ahead !== undefined) isLikelyNew = isMostlyNew(await ahead.ended, ahead.chunk)
    ahead = { chunk, ended }
    if (isLast) {
      await ended
      return false
    }
  }
}

/** A job may take hours: what a chunk does is decided and recorded as of now. */
function atThisMoment(context: ChunkContext): ChunkContext {
  return { ...context, metadata: { ...context.metadata, now: new Date() } }
}

/**
 * Where enrollments are changed too, all of a chunk is written in the one order in which locks are taken, and so not in two parts.
 */
function isMostlyNew(
  { created = 0, reactivated = 0, modeChanged = 0, deactivated = 0 }: Counts,
  { lines }: Chunk,
): boolean {
  return created * 2 > lines.length && reactivated + modeChanged + deactivated === 0
}
