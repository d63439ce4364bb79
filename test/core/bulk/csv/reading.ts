import { readCsv, type CsvFile, type CsvRecord } from '../../../../core/bulk/csv/read.ts'

type Options = Partial<Parameters<typeof readCsv>[1]>

/** Reads a whole file. */
export async function readWhole(
  pieces: Iterable<Uint8Array | string>,
  options: Options = {},
): Promise<Omit<CsvFile, 'pages'> & { records: CsvRecord[] }> {
  const { pages, ...file } = await readCsv(asAsync(pieces), { action: 'enroll', ...options })
  const records: CsvRecord[] = []
  for await (const page of pages) records.push(...page)
  return { ...file, records }
}

/** What is read of each line of a file: its item, or its error. */
export async function itemsOf(file: Uint8Array | string, options: Options = {}) {
  const { records } = await readWhole([file], options)
  return records.map((record) => ({
    line: record.line,
    ...('item' in record ? record.item : { error: record.error.message }),
  }))
}

export async function* asAsync<T>(pieces: Iterable<T>): AsyncGenerator<T> {
  yield* pieces
}
