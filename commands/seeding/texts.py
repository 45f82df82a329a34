"""Random names and sentences, in Russian and English."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_NAMES: Final = (
    (
        ("Анна", "Вера", "Дарья", "Елена", "Ирина", "Мария", "Наталья", "Ольга", "Полина", "Юлия"),
        ("Волкова", "Егорова", "Иванова", "Кузнецова", "Морозова", "Новикова", "Павлова", "Смирнова", "Соколова"),
    ),
    (
        ("Алексей", "Борис", "Глеб", "Дмитрий", "Егор", "Иван", "Кирилл", "Лев", "Максим", "Сергей"),
        ("Волков", "Егоров", "Иванов", "Кузнецов", "Морозов", "Новиков", "Павлов", "Смирнов", "Соколов"),
    ),
    (
        ("Alice", "Ben", "Chloe", "Daniel", "Emma", "Frank", "Grace", "Henry", "Isla", "Jack", "Kate", "Liam"),
        ("Adams", "Baker", "Carter", "Davis", "Evans", "Fisher", "Green", "Harris", "Jones", "Miller", "Walker"),
    ),
)


@dataclass(frozen=True, slots=True)
class Language:
    """The parts of which group titles and sentences in one language are made."""

    titles: Sequence[str]
    openings: Sequence[str]
    clauses: Sequence[str]
    times: Sequence[str]
    endings: Sequence[str]

    def sentence(self) -> str:
        """A random sentence of 20 to 200 characters."""
        said = f"{random.choice(self.openings)} {random.choice(self.clauses)} {random.choice(self.times)}"
        return f"{said.lstrip()}. {random.choice(self.endings)}".rstrip()


LANGUAGES: Final = (
    Language(
        titles=("Поход", "Дача", "Семья", "Работа", "Книжный клуб", "Соседи", "Футбол по средам", "Отпуск"),
        openings=("", "", "Привет!", "Слушай,", "Кстати,", "Добрый вечер!", "Хорошие новости:", "Чуть не забыл:"),
        clauses=(
            "встречаемся у старой башни", "поезд приходит на второй путь", "нужны билеты на концерт",
            "обещают снег и сильный ветер", "жду документы по договору", "кошка опять спала на клавиатуре",
            "рецепт пирога пришлю отдельным письмом", "машина будет готова в мастерской",
            "собираемся за город всей компанией", "в библиотеке раздают старые книги",
        ),
        times=("завтра утром", "в субботу", "сегодня после обеда", "на следующей неделе", "к семи часам", "в пятницу"),
        endings=("", "", "Что думаешь?", "Не забудь зонт!", "Позвони, когда выйдешь.", "Увидимся вечером.", "Спасибо!"),
    ),
    Language(
        titles=("Weekend hike", "Band", "Team", "Flat 12", "Chess", "Family", "Book club", "Holidays"),
        openings=("", "", "Hi there,", "By the way,", "Listen,", "Good news:", "Hello!", "Almost forgot:"),
        clauses=(
            "we meet at the old tower", "the train leaves from platform two", "the tickets are still available",
            "snow and strong wind are expected", "the contract should be signed", "the cat slept on the keyboard again",
            "the recipe goes into the shared folder", "the garage calls about the car",
            "everybody is invited for dinner", "the library gives away old books",
        ),
        times=("tomorrow morning", "on Saturday", "this afternoon", "next week", "around seven", "before Friday"),
        endings=("", "", "What do you think?", "Don't forget the umbrella!", "Call me when you leave.", "Thanks!"),
    ),
)  # fmt: skip


def random_name() -> str:
    """A first and a last name that fit each other."""
    first, last = random.choice(_NAMES)
    return f"{random.choice(first)} {random.choice(last)}"
