import { hrefOf } from '../location.ts'
import type { Column } from './table.tsx'

interface Shown {
  readonly username: string
  readonly name: string
  readonly email: string | null
}

/** Who somebody is: what lists of learners begin with. */
export const LEARNER_COLUMNS: readonly Column<Shown>[] = [
  {
    title: 'Username',
    place: 'main',
    cell: ({ username }) => (
      <a href={hrefOf('learners', username)}>
        <bdi>{username}</bdi>
      </a>
    ),
  },
  { title: 'Name', cell: ({ name }) => <bdi>{name}</bdi> },
  { title: 'E-mail address', width: 'minmax(0, 1.5fr)', cell: ({ email }) => <bdi>{email}</bdi> },
]
