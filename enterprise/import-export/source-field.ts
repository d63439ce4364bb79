import { z } from 'zod'
import { importFormat } from '../../routers/extension.ts'
import { RECORD_SOURCES, recordSourceOf, type RecordSource } from '../record-source.ts'

const { expected } = importFormat
const kind = `one of ${RECORD_SOURCES.join(', ')}, or a slug of edx-enterprise`

/** The field that says how a record came or will come, by our name or by the slug of edx-enterprise; `customerAdmin` unless given. */
export function sourceField() {
  return z
    .string({ error: expected(kind) })
    .transform((value, context): RecordSource => {
      const known = recordSourceOf(value)
      if (known !== undefined) return known
      context.issues.push({ code: 'custom', message: `must be ${kind}`, input: value })
      return z.NEVER
    })
    .default('customerAdmin')
}
