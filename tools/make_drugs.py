"""Writes `inference/extraction/vocabulary/drugs_public.tsv` from the package drug-named-entity-recognition.

Taken are the generic names of one word that MedlinePlus or the NHS has a page for, and of BRANDS those that the package
knows, under its generic name. What `drugs.tsv` lists already is left out. The package is needed for this alone.

    python tools/make_drugs.py
"""

import bz2
import pickle
import re
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from inference.extraction.tables import rows

PACKAGE = "drug_named_entity_recognition"
TARGET = Path(__file__).parents[1] / "inference" / "extraction" / "vocabulary" / "drugs_public.tsv"
BRANDS = frozenset(
    """
    abasaglar accolate accupril aciphex actemra actigall aczone ajovy aldara alphagan alvesco amerge amias
    amitiza androgel antabuse antivert apidra apriso aprovel arava aromasin asmanex astelin avelox azilect azopt
    azulfidine beconase belsomra benylin betapace bezalip botox butrans bydureon bystolic calan campral cardicor
    ceftin cefzil chlor-trimeton circadin citrucel clobex combivent comtan concor contrave cortef cosentyx
    cosopt creon cytomel daktacort dalacin daypro demadex depakene depo-provera depo-testosterone detrusitol
    dexilant diabeta differin difflam dificid dimetapp diprosone doryx duragesic durogesic ebixa efexor effient
    efudex elidel eltroxin emgality enablex entocort epanutin equasym erythrocin estrace eucrisa evista evra
    excedrin exelon ezetrol famvir fasenra feldene femara finacea focalin forteo fragmin frova gabitril geodon
    humulin hytrin ibugel ibuleve indocin inspra insulatard intuniv invega isordil klaricid kwells kyleena
    latisse latuda lescol levitra lialda librium lidex linzess lioresal lithobid livalo lixiana lodine lopid
    lumigan luvox mabthera malarone marvelon mavik metamucil metrogel micardis minipress minocin mirapex
    molipaxin monistat monopril monurol multaq mycelex myrbetriq nasacort nitrostat nolvadex norflex noriday
    novolin nucala nucynta nurtec nuvaring nuvigil onfi onglyza opana oracea otezla panoxyl pariet pataday
    patanol pizotifen praluent pristiq procardia prograf prolia prometrium protopic provera provigil questran
    ranexa rapaflo rapamune razadyne reclast relafen relistor relpax repatha restasis restoril retin-a revia
    rexulti rhinocort rinvoq rozerem rythmol sabril salazopyrin savaysa sevredol simponi skelaxin skyrizi
    sporanox steglatro stendra stilnoct stromectol suprax synalar taltz tambocor tapazole tazorac temovate
    thorazine tikosyn timoptic timoptol tirosint toviaz tradjenta travatan tremfya tresiba tricor trileptal
    trintellix tritace trulance ubrelvy uloric unithroid uroxatral vancocin verelan vermox viibryd vimpat
    vivelle vivitrol vraylar welchol xeljanz xifaxan xiidra xofluza xopenex zaroxolyn zebeta zimovane zispin
    zoladex zomig zonegran zydol zyvox
    """.split()  # noqa: SIM905
)
"""Brands of the United States and the United Kingdom that people take."""
_GENERIC = re.compile(r"[a-z]{5,}(?:-[a-z]{4})?")
_NO_DRUG = frozenset(("thyroid", "betaine", "lindane", "malathion", "heparinoid", "fluoride", "nicotine", "glucagon"))
_FORM = re.compile(
    r" (?:patch|vaginal|sublingual|implant|lozenge|resin|tartrate|hydrochloride|dipropionate|intrauterine system)$|"
    r"(?<=mab)-[a-z]{4}$| \(.*\)$|, (?:regular, )?human$"
)
"""What is said of a form or salt, and the four letters after the name of an antibody."""
_HEADER = (
    '# generic name <TAB> brands, parted by "|". Written by tools/make_drugs.py from drug-named-entity-recognition\n'
    "# {version} (MIT, Fast Data Science): names with a MedlinePlus or NHS page, and brands as it maps them.\n"
)


def dictionary() -> dict[str, dict[str, Any]]:
    """The package's tables. Raises ModuleNotFoundError where it is not installed."""
    return pickle.loads(bz2.decompress(files(PACKAGE).joinpath("drug_ner_dictionary.pkl.bz2").read_bytes()))  # type: ignore[no-any-return]


def table() -> str:
    """The text of the data file."""
    tables = dictionary()
    known = {
        name.lstrip("~"): generic.lstrip("~")
        for generic, column in rows("drugs.tsv")
        for name in (generic, *column.split("|"))
    }
    brands: dict[str, set[str]] = {}
    for name, facts in tables["drug_canonical_to_data"].items():
        plain = _FORM.sub("", name)
        has_page = "medline_plus_id" in facts or "nhs_url" in facts
        if has_page and _GENERIC.fullmatch(name) and not {plain, name} & (known.keys() | _NO_DRUG):
            brands.setdefault(plain, set())
    for brand in BRANDS - known.keys():
        for name in tables["drug_variant_to_canonical"].get(brand, ())[:1]:
            generic = _FORM.sub("", name)
            if generic != brand:
                brands.setdefault(known.get(generic, generic), set()).add(brand)
    lines = [f"{generic}\t{'|'.join(sorted(names))}\n" for generic, names in sorted(brands.items())]
    return _HEADER.format(version=version(PACKAGE)) + "".join(lines)


if __name__ == "__main__":
    TARGET.write_text(table(), encoding="utf-8")
