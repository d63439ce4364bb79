/** Whether PostgreSQL refuses a value: classes 22 (data) and 23 (constraints) of SQLSTATE. */
export function isDataError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && /^2[23]/.test(error.code)
}

/** What it says of it, in one line. */
export function wordsOf({ message }: Error): string {
  return message.replaceAll(/\s+/g, ' ')
}
