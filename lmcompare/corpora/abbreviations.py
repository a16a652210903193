"""English abbreviations that seldom end a sentence, in lower case and without the final full stop.

Punkt learns the abbreviations of a corpus, but not those that occur only once or twice. Common words that can end a
sentence (``no.``, ``sun.``, ``mass.``) are not in this list: those that precede numbers are in `BEFORE_NUMBERS`, and
Punkt decides about the others.
"""

from __future__ import annotations

_ABBREVIATIONS = """
    mr mrs ms messrs mme mlle dr drs prof rev revd hon sen rep gov pres gen lt col maj capt cpt cmdr cdr adm sgt cpl
    pvt pfc brig st ste sr jr esq fr supt insp det amb atty dir asst assoc comdr ens
    jan feb apr aug sept sep oct nov dec mon tue tues thu thur thurs fri
    inc ltd co corp bros cie univ dept dist govt assn inst intl natl org acad soc lib mus
    mt mts ft ave blvd rd hwy sq bldg pk str ala ariz ark calif colo conn fla kans ky mich minn mont nebr nev okla
    penn tenn tex va vt wis wyo u.s.a
    vol vols p pp ed eds edn rev repr trans transl tr comp illus cf viz vs ibid op cit loc seq et.seq al ff fig figs
    ch chap chaps sect par para pt pts suppl ser ms mss app approx ca c est max esp incl excl resp orig abbr abbrev
    misc fem masc sing plur lit etym etc i.e e.g n.b q.v s.v a.k.a b d fl m née
    ph.d m.d b.a m.a b.sc m.sc b.s m.s d.phil m.phil ll.b ll.m j.d m.b.a ed.d d.d d.sc b.com r.n
    a.m p.m a.d b.c b.c.e c.e oz lb lbs hr hrs mins secs yr yrs wk wks cu
    u.s u.k u.n u.s.s u.s.s.r e.u d.c n.y l.a h.m r.a.f s.s
"""
ABBREVIATIONS: frozenset[str] = frozenset(_ABBREVIATIONS.split())

_BEFORE_NUMBERS = "no nos art arts sec secs pl mar jul jun dec bk tab eq eqs ex fasc n nr line cat inv col bd op ca v"
BEFORE_NUMBERS: frozenset[str] = frozenset(_BEFORE_NUMBERS.split())
"""Abbreviations only where a number follows: ``No. 2`` goes on, ``He said no.`` ends."""

_NEVER_LAST = """
    mr mrs ms messrs mme mlle dr drs prof revd hon sen gov gen lt col maj capt cmdr cdr adm sgt cpl brig
    e.g i.e cf viz vs
"""
NEVER_LAST: frozenset[str] = frozenset(_NEVER_LAST.split())
"""Abbreviations that need something after them: no sentence ends with these, whatever word follows."""
