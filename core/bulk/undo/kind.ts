import type { JobKind } from '../source.ts'
import { enrollGuarded } from '../guarded.ts'
import { undoCommand, undoLine, type UndonePlan } from './plan.ts'
import { readBatch } from './read-batch.ts'

/**
 * Jobs that take back what a batch did (bulk.md §4). Whether an enrollment has changed since is seen when its line is carried out,
 * in that transaction. Mode and activation are given back; attributes, cohorts and used invitations are not, because events do
 * not tell what they were.
 */
export const undoKind: JobKind = {
  source: {
    // Who finds the batch still at work would read other lines the second time.
    isStable: false,
    async *read(db, { undone_batch_id: batchId }, signal) {
      if (batchId === null) throw new RangeError('What is undone has a batch')
      let line = 0
      for await (const changes of readBatch(db, batchId, signal)) {
        yield { lines: changes.map((change) => undoLine(change, (line += 1))) }
      }
    },
  },
  carryOut(trx, lines, { job, metadata, policy }) {
    const items = lines.map(({ item, plan }) => {
      const undone = plan as UndonePlan // As it was written when the batch was read.
      const command = undoCommand(undone, item?.courseId ?? '', job.reason)
      return { command, metadata, isChanged: undone.isMixed }
    })
    return enrollGuarded(trx, items, { policy, exceptBatch: job.undone_batch_id })
  },
}
