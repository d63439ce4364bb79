import type { Command } from 'commander'
import { CommandError } from '../../server/cli/failure.ts'
import { withDatabase, type Session } from '../../server/cli/session.ts'
import { write } from '../../server/cli/streams.ts'
import {
  dropMirror,
  listMirror,
  readMirrorStatus,
  retryMirror,
  type ListedMirrorPair,
  type MirrorStatus,
} from '../mirror/list.ts'

interface Json {
  readonly json?: boolean
}

/** `lms mirror`: what of the enrollments here the LMS does not take (adoption.md §5). */
export function addMirror(lms: Command, session: Session): void {
  const mirror = lms
    .command('mirror')
    .summary('see what the LMS does not take, and have it sent again')
    .description(
      `With LMS_MIRROR=on a running server sends each change of an enrollment of its own course runs to the LMS. What the LMS
refuses for good, what cannot be said to it and what keeps failing is listed here, in the words of the LMS.`,
    )
  addList(mirror, session)
  addRetry(mirror, session)
  mirror
    .command('drop')
    .summary('take one off the list that was repaired by hand')
    .argument('<pair>', PAIR)
    .option('--json', 'print one JSON object: {"dropped"}')
    .action(async (pair: string, { json }: Json) => {
      const dropped = await withDatabase(session, (db) => dropMirror(db, pair))
      if (dropped === 0) throw notThere(pair)
      await print(session, json, { dropped }, `${pair} is not sent, until it changes again.\n`)
    })
}

const PAIR = 'username,course or the id of the enrollment'

function addList(mirror: Command, session: Session): void {
  mirror
    .command('list')
    .summary('list what the LMS does not take')
    .description(
      `Lists enrollments that the LMS refuses, that cannot be said to it, that have failed several times, or that were still to be
sent when their course run became one of the LMS; the oldest first, 10 000 at most.`,
    )
    .option('--json', 'print one JSON object: {"status", "pairs"}')
    .action(async ({ json }: Json) => {
      const [status, pairs] = await withDatabase(
        session,
        async (db) => [await readMirrorStatus(db), await listMirror(db)] as const,
        'read',
      )
      await print(session, json, { status, pairs }, listText(status, pairs))
    })
}

function addRetry(mirror: Command, session: Session): void {
  const retry = mirror.command('retry')
  retry
    .summary('have listed enrollments sent again')
    .argument('[pair]', PAIR)
    .option('--all', 'all that are listed')
    .option('--json', 'print one JSON object: {"retried"}')
    .action(async (pair: string | undefined, { all = false, json }: Json & { readonly all?: boolean }) => {
      if (all === (pair !== undefined)) {
        retry.error('error: name what is sent again: one pair, or --all', { exitCode: 2 })
      }
      const retried = await withDatabase(session, (db) => retryMirror(db, pair ?? null))
      if (pair !== undefined && retried === 0) throw notThere(pair)
      await print(session, json, { retried }, `A running server sends ${retried} again in a moment.\n`)
    })
}

function notThere(pair: string): CommandError {
  return new CommandError(
    `${pair} is not to be sent to the LMS, or is being sent right now. 'lms mirror list' tells more.`,
  )
}

function listText(status: MirrorStatus, pairs: readonly ListedMirrorPair[]): string {
  const { due, refused, unsent, failing, left, oldestDueSeconds, pausedUntil, lastError } = status
  const lines = [
    `${due} to be sent${due === 0 ? '' : `, the oldest for ${Math.round(oldestDueSeconds)} s`}; ${failing} of them failing; ${refused} refused; ${unsent} cannot be sent; ${left} left to the LMS`,
    ...(pausedUntil === null ? [] : [`nothing is sent until ${pausedUntil}`]),
    ...(lastError === null ? [] : [`last error: ${lastError}`]),
    ...pairs.map(pairText),
  ]
  return `${lines.join('\n')}\n`
}

function pairText(pair: ListedMirrorPair): string {
  const { enrollmentId, username, courseId, mode, isActive, state, failures, lastError, nextAttemptAt } = pair
  const when = nextAttemptAt === null ? '' : `, again at ${nextAttemptAt}`
  const what = `${state}  ${username},${courseId}  ${isActive ? 'active' : 'inactive'} ${mode}  (enrollment ${enrollmentId})`
  return `${what}\n  ${lastError ?? 'The LMS owns the course run now'}${failures > 0 ? `  (failed ${failures} times${when})` : ''}`
}

function print(session: Session, json: boolean | undefined, value: object, text: string): Promise<void> {
  return write(session.stdout, json === true ? `${JSON.stringify(value)}\n` : text)
}
