/** SQL: the names of what {@link pendingVersions} compares with. */
interface ComparedVersion {
  readonly webhookId: string
  readonly enrollmentId: string
  /** With the comparison, such as `< d.version`. */
  readonly version: string
}

/**
 * SQL: whether the row `p` is a delivery of an endpoint and an enrollment that is pending, of an earlier or a later version.
 *
 * Whatever PostgreSQL knows of the table, which may have been empty a moment ago, it finds them by their enrollment: the only
 * index for that is the one of the order, and `is true` keeps it from looking through all that an endpoint has pending.
 */
export function pendingVersions({ webhookId, enrollmentId, version }: ComparedVersion): string {
  return `p.enrollment_id = ${enrollmentId} and p.version ${version} and p.state = 'pending'
    and (p.webhook_id = ${webhookId}) is true`
}
