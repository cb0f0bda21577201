// What a person keeps at hand (我的收藏), known to every page that shows a star:
// asked for once, anew when somebody else has logged in.
import { shallowRef, watch } from 'vue';

import { addFavourite, type Favourite, favourites as askFavourites, removeFavourite, type Wanted } from '../../api';
import { call } from '../../shared/hall';
import { me } from '../session';

export const favourites = shallowRef<Favourite[]>();

let asked: Promise<void> | undefined;
let whose = '';

watch(me, (person) => {
  const now = person ? person.registered_at + person.phone : '';
  if (now !== whose) {
    whose = now;
    favourites.value = asked = undefined;
  }
});

// learnFavourites asks the hall, unless that is known; or in any case: a
// certificate is known by another serial once it is renewed. A refusal is
// thrown, and the next call asks again.
export function learnFavourites(anew = false): Promise<void> {
  asked = anew ? undefined : asked;
  asked ??= call(askFavourites()).then(
    (list) => {
      favourites.value = list.favourites;
    },
    (thrown: unknown) => {
      asked = undefined;
      throw thrown;
    },
  );
  return asked;
}

// kept is the favourite that something is kept as; undefined if it is not.
export function kept(wanted: Wanted): Favourite | undefined {
  return favourites.value?.find((f) =>
    wanted.serial ? f.certificate?.serial === wanted.serial : !f.certificate && f.project === wanted.project && (f.brand ?? '') === (wanted.brand ?? ''),
  );
}

export async function keep(wanted: Wanted): Promise<void> {
  favourites.value = (await call(addFavourite({ body: wanted }))).favourites;
}

export async function drop(favourite: Favourite): Promise<void> {
  favourites.value = (await call(removeFavourite({ path: { favourite: favourite.id } }))).favourites;
}
