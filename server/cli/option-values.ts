import { InvalidArgumentError, Option } from 'commander'
import { isFeedCursor } from '../../core/event/cursor.ts'
import { instant } from '../../core/text.ts'

/** A whole number from 1 on. */
export function limitOption(most: number): Option {
  return new Option('-n, --limit <number>', 'at most so many').argParser(positiveNumber).default(most)
}

/** An instant, or how long ago it is; it becomes ISO 8601, UTC. */
export function sinceOption(flags: string, description: string): Option {
  return new Option(flags, `${description}: ${FORMS}`).argParser((text) => {
    const found = instantOf(text)
    if (found === null) throw new InvalidArgumentError(`It is ${FORMS}.`)
    return found
  })
}

/** The same, or a cursor of the feed. */
export function sinceOrCursorOption(flags: string, description: string): Option {
  return new Option(flags, `${description}: ${FORMS}, or a cursor of the feed`).argParser((text) => {
    const found = isFeedCursor(text) ? text : instantOf(text)
    if (found === null) throw new InvalidArgumentError(`It is ${FORMS}, or a cursor of the feed.`)
    return found
  })
}

const FORMS = '30m, 2h, 7d, 2026-11-01 or 2026-11-01T12:00:00Z'

function instantOf(text: string): string | null {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  if (count !== undefined) return new Date(Date.now() - Number(count) * (UNIT_MS[unit] ?? 0)).toISOString()
  const day = /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text
  return instant().safeParse(day).data ?? null
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** @throws {InvalidArgumentError} for anything but a whole number from 1 on. */
export function positiveNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It is a whole number from 1 on.')
  return Number(text)
}

/** An option that is given more than once. */
export function collected(text: string, before: string[] = []): string[] {
  return [...before, text]
}
