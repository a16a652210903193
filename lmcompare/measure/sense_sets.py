"""Sentences that end with a word of two senses, labelled by hand.

In a set all sentences end with the same two words before the word, and no other content word occurs twice. What tells
the senses apart therefore comes earlier, where a model that reads from left to right has read it, and neither the
nearest words nor a shared word gives the sense away.
"""

from __future__ import annotations

from collections.abc import Mapping

# word: {sense: the sentences without their common end, "of the <word>"}
BEGINNINGS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "bank": {
        "money": (
            "The loan had to meet the terms",
            "The business sold its shares",
            "The gold lay in the rooms",
            "The account was held in the name",
        ),
        "river": (
            "The boat came to rest on the mud",
            "The stream ran along the edge",
            "The fish lived below the grass",
            "The flood had washed away most",
        ),
    },
    "capital": {
        "city": (
            "The king built a palace in the north",
            "The soldiers marched along the main road",
            "The airport is ten miles south",
            "The army fought for control",
        ),
        "money": (
            "The company borrowed part",
            "The investors lost half",
            "The new shares were sold for more",
            "The tax was one percent",
        ),
    },
    "party": {
        "politics": (
            "The voters chose the leader",
            "He won the election as a member",
            "The government had the support",
            "The minister spoke against the policy",
        ),
        "celebration": (
            "The children ate dinner at the start",
            "Her friends had brought birthday gifts by the end",
            "The guests had wine for the rest",
            "The music and the dance were the best part",
        ),
    },
    "court": {
        "law": (
            "The judge read the decision",
            "The lawyer accepted the ruling",
            "He was found guilty by order",
            "The trial took place in the building",
        ),
        "sport": (
            "The tennis player ran to the back",
            "The ball landed on the left side",
            "She scored from the middle",
            "The basketball team played at the end",
        ),
    },
    "field": {
        "study": (
            "The scientist wrote the first history",
            "Her research changed the theory",
            "The professor taught the students the methods",
            "The book explains the basic ideas",
        ),
        "land": (
            "The farmer walked to the edge",
            "The cattle ate the grass",
            "The rain washed away the soil",
            "A small tree stood in the corner",
        ),
    },
    "match": {
        "sport": (
            "The team scored the only goal",
            "The player was injured at the start",
            "The crowd saw only the last part",
            "England won in the second half",
        ),
        "fire": (
            "The fire began from the flame",
            "He burned his hand with the end",
            "She could smell the smoke",
            "The dark room was bright with the light",
        ),
    },
    "plant": {
        "nature": (
            "The flowers grow at the top",
            "The insects eat the leaves",
            "The seeds are found inside the fruit",
            "The water enters through the roots",
        ),
        "factory": (
            "The workers came to the gate",
            "The company closed the oldest part",
            "The manager ordered the machines",
            "The steel was made in the main building",
        ),
    },
    "letter": {
        "mail": (
            "The post office lost the second page",
            "Her friend read only the end",
            "His mother received a copy",
            "The king sent him the first part",
        ),
        "alphabet": (
            "The Greek script has an older form",
            "The vowel stands for the sound",
            "The spelling changed by the loss",
            "The Latin alphabet has kept the shape",
        ),
    },
    "star": {
        "film": (
            "The film showed the early life",
            "The audience loved the voice",
            "The director wrote the role",
            "The actor played the father",
        ),
        "sky": (
            "The telescope caught the light",
            "The astronomers measured the size",
            "The planet lies within ten million miles",
            "The sun has half the mass",
        ),
    },
    "cell": {
        "life": (
            "The virus enters by the wall",
            "The gene controls the growth",
            "The proteins are made in the inner part",
            "The oxygen gives energy to the body",
        ),
        "prison": (
            "The murder took place on the floor",
            "The police closed the door",
            "The bed in the prison was on the left side",
            "The criminal escaped through the window",
        ),
    },
    "charge": {
        "law": (
            "The jury found the man guilty",
            "The lawyer asked the judge for the details",
            "The police arrested him and told him",
            "The witness proved the truth",
        ),
        "battle": (
            "The horses fell in the middle",
            "The soldiers followed the general at the start",
            "The enemy guns broke the force",
            "The army lost the hill at the moment",
        ),
    },
    "board": {
        "people": (
            "The company named him chairman",
            "The school elected three new members",
            "The investors accepted the decisions",
            "The president was the oldest director",
        ),
        "wood": (
            "The ship builder cut the end",
            "He fixed the picture to the surface",
            "The water had made a hole in the side",
            "She painted the front",
        ),
    },
}
END = "of the"


def sentences(word: str) -> list[tuple[int, str]]:
    """Return the (sense, sentence) of a word; the sense is 0 or 1."""
    return [(s, f"{text} {END} {word}") for s, texts in enumerate(BEGINNINGS[word].values()) for text in texts]
