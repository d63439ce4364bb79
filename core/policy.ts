/** What a site decides about enrollment, the same for every door. */
export interface Policy {
  /** The mode of a request that names none, and the mode of a course that offers none. */
  readonly defaultMode: string
  /** Whether runs with an old `org/course/run` key let nobody in but by invitation. */
  readonly legacyKeysInvitationOnly: boolean
}

export const defaultPolicy: Policy = { defaultMode: 'audit', legacyKeysInvitationOnly: false }
