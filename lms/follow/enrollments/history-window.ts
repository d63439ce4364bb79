import { HISTORY } from '../../import/enrollments/lms-enrollment.ts'
import { paceOf } from '../pace.ts'
import type { LmsSource } from '../../source/source.ts'
import { before, OVERLAP_MS } from './position.ts'

/** Rows of the history that are read at a time. */
const PAGE_SIZE = 5_000

/** How far most looks go back, in milliseconds: the whole overlap is looked at from time to time, as it costs. */
const SHORT_MS = 10_000

/** Milliseconds between two looks at the whole overlap that cost little: what commits late is seen in time too. */
const WHOLE_MS = 2_000

/** Rows of the history that nobody has seen, up to a place. */
export interface HistoryPage {
  /** Of the enrollments that they tell of; each once. */
  readonly ids: readonly number[]
  /** The newest instant that was read, but not later than the clock of the LMS. */
  readonly upTo: string
  readonly isLast: boolean
  /** To be called when the ids were dealt with. */
  readonly forget: () => void
}

export interface HistoryWindow {
  /** Reads what is new since a place, with what commits late. Pages have to be dealt with in order. */
  pages(source: LmsSource, since: string): AsyncGenerator<HistoryPage>
}

/**
 * Reads the history of enrollments by its instants. Rows are remembered by their ids as long as a look may find them again: each is
 * told once, in whatever order they come and however many have the same instant. What a process forgets it tells again.
 */
export function historyWindow(): HistoryWindow {
  const seen = new Map<string, string>()
  const whole = paceOf(WHOLE_MS)
  return {
    async *pages(source, since) {
      if ((await source.columns(HISTORY)).size === 0) return
      const isWhole = whole.isDue()
      const asked = performance.now()
      let after: Row | null = null
      let upTo = since
      const [clock] = await source.query<{ now: string }>('select utc_timestamp(6) as now')
      const now = clock?.now ?? since
      for (;;) {
        const rows: Row[] = await source.query<Row>(
          ...statementFor(before(since, isWhole ? OVERLAP_MS : SHORT_MS), after),
        )
        after = rows.at(-1) ?? after
        const isLast = rows.length < PAGE_SIZE
        if (isLast && isWhole) whole.looked(performance.now() - asked)
        const fresh = rows.filter(({ historyId }) => !seen.has(historyId))
        upTo = latest(upTo, earliest(after?.at ?? upTo, now))
        yield {
          ids: [...new Set(fresh.map(({ id }) => id))],
          upTo,
          isLast,
          forget: () => {
            for (const { historyId, at } of fresh) seen.set(historyId, at)
          },
        }
        // No look goes back behind that.
        const oldest = before(upTo, OVERLAP_MS)
        for (const [historyId, at] of seen) if (at <= oldest) seen.delete(historyId)
        if (isLast) return
      }
    },
  }
}

type Row = { readonly historyId: string; readonly id: number; readonly at: string }

function statementFor(since: string, after: Row | null): [statement: string, values: string[]] {
  const behind = after === null ? '' : 'and (history_date > ? or (history_date = ? and history_id > ?))'
  const statement = `select history_id as historyId, id, history_date as at from ${HISTORY}
    where history_date > ? ${behind} order by history_date, history_id limit ${PAGE_SIZE}`
  return [statement, after === null ? [since] : [since, after.at, after.at, after.historyId]]
}

function latest(a: string, b: string): string {
  return a > b ? a : b
}

function earliest(a: string, b: string): string {
  return a < b ? a : b
}
