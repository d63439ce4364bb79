import { hash } from 'node:crypto'
import { requestedStateOf } from '../csv/pair.ts'
import type { CsvItem } from '../csv/item.ts'
import type { BulkItem } from '../job.ts'

/** 32 bits that are equal for lines of a roster that ask for the same. */
export function lineHash(item: BulkItem): number {
  return hash('md5', requestedStateOf(item as CsvItem), 'buffer').readInt32BE()
}
