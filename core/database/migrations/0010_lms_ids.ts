import { sql, type Kysely } from 'kysely'

/**
 * The numeric id by which the platform knows an account, beside `learners.id`, which stays the key inside this database
 * (run §3, Identity; decision 21). Accounts that exist keep the number they have shown so far, as one that was drawn here.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  // A generated column that becomes a plain one: the table is written anew once, and no trigger runs for its rows.
  `alter table learners add column user_id integer not null generated always as (id) stored,
    add column is_id_of_lms boolean not null default false`,
  `alter table learners alter column user_id drop expression`,

  `create sequence learners_user_id_seq owned by learners.user_id`,
  `select setval('learners_user_id_seq', coalesce((select max(user_id) from learners), 1),
    exists (select from learners))`,

  // Above every id that an account has, or that is about to be written. The sequence alone would not know of ids that were
  // brought. Once the numbers above are used up, it is any free one below. Two transactions may draw the same in a rare
  // race: the unique index lets one of them in, and the other draws again.
  `create function draw_user_id(above integer default 0) returns integer language plpgsql as $$
  declare
    highest constant integer := greatest(above, (select user_id from learners order by user_id desc limit 1));
    drawn bigint := nextval('learners_user_id_seq');
  begin
    if drawn <= highest then
      perform setval('learners_user_id_seq', highest);
      drawn := nextval('learners_user_id_seq');
    end if;
    while drawn > 2147483647 or exists (select from learners where user_id = drawn) loop
      drawn := 1 + floor(random() * 2147483646);
    end loop;
    return drawn;
  end $$`,
  `alter table learners alter column user_id set default draw_user_id(), add check (user_id >= 1)`,
  `alter table learners add constraint learners_user_id_key unique (user_id)`,

  // The index of usernames holds all that an enrollment asks of a learner (migration 6), now with the id that is shown.
  `alter table learners drop constraint learners_username_key,
    add constraint learners_username_key unique (username) include (id, user_id, is_active, is_staff, is_superuser)`,
]
