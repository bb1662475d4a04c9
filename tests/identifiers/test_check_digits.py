from __future__ import annotations

from collections.abc import Callable

import make_identifiers as draw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.identifiers import check_digits as check

NUMBERS = [
    (check.is_nif, draw.nifs()),
    (check.is_niss, draw.nisss()),
    (check.is_nib, draw.nibs()),
    (check.is_payment_card, draw.cards()),
]


@given(st.data())
@pytest.mark.parametrize(("is_valid", "numbers"), NUMBERS)
def test_one_last_digit_is_right_in_any_grouping(
    is_valid: Callable[[str], bool], numbers: st.SearchStrategy[str], data: st.DataObject
) -> None:
    number = data.draw(numbers)
    assert is_valid(data.draw(draw.any_grouping(number)))
    assert not any(map(is_valid, draw.with_another_last(number)))


@given(st.data())
def test_a_citizen_card_has_two_check_digits(data: st.DataObject) -> None:
    number = data.draw(draw.citizen_cards())
    assert check.is_cartao_cidadao(data.draw(draw.any_grouping(number)))
    assert check.is_cartao_cidadao(number.lower())
    assert not any(map(check.is_cartao_cidadao, draw.with_another_last(number)))
    # Another civil number with letters that make the last digit right.
    civil = number[:8] + str((int(number[8]) + 1 + (number[8] == "9")) % 10)
    cards = [civil + number[9:11] + digit for digit in "0123456789"]
    assert check.is_civil_number(civil) or not any(map(check.is_cartao_cidadao, cards))


@given(st.data())
def test_an_iban_is_a_nib_behind_pt50(data: st.DataObject) -> None:
    nib = data.draw(draw.nibs())
    assert check.is_iban(data.draw(draw.any_grouping("PT50" + nib)))
    assert not check.is_iban("PT51" + nib)
    assert not check.is_iban(nib)
    assert not any(map(check.is_iban, draw.with_another_last("PT50" + nib)))


@given(st.data())
def test_a_phone_is_a_mobile_or_a_landline(data: st.DataObject) -> None:
    mobile, landline = data.draw(draw.mobiles()), data.draw(draw.landlines())
    prefix = data.draw(st.sampled_from(["", "+351 ", "00351", "(+351) ", "351 ", "+351 (0)"]))
    assert check.is_phone(prefix + data.draw(draw.any_grouping(mobile)))
    assert check.is_phone(prefix + landline)
    assert check.is_mobile(mobile)
    assert not check.is_landline(mobile)
    assert check.is_landline(landline)
    assert not check.is_mobile(landline)


@given(draw.plates())
def test_a_plate_has_one_of_four_forms(plate: str) -> None:
    assert check.is_licence_plate(plate)
    assert check.is_licence_plate(plate.replace("-", " ").lower())


@pytest.mark.parametrize(
    "text", ["123456789", "PT 123 456 789", "１２３４５６７８９", "450000001", "900000007"]
)
def test_right_nifs(text: str) -> None:
    assert check.is_nif(text)


# The check digits of the last ones are right; nobody is given these first digits.
@pytest.mark.parametrize(
    "text",
    ["", "12345678", "1234567890", "123456788", "12345678a", "ES123456789", "400000008", "460000003",
     "730000008", "760000007", "920000002", "000000000"],
)  # fmt: skip
def test_wrong_nifs(text: str) -> None:
    assert not check.is_nif(text)


@pytest.mark.parametrize(
    "text",
    ["112", "116 006", "707 200 200", "808 24 24 24", "800 202 148", "760 123 456", "+351 808 242 424",
     "94 123 4567", "201234567", "+34 912 345 678", "9123456789", "91234567", "", "telefone"],
)  # fmt: skip
def test_wrong_phones(text: str) -> None:
    assert not check.is_phone(text)


@pytest.mark.parametrize("text", ["1000-000", "9999-999", " 4000-447 ", "１２００–１９２"])
def test_right_postal_codes(text: str) -> None:
    assert check.is_postal_code(text)


@pytest.mark.parametrize(
    "text", ["0999-999", "1000", "1000-00", "1000-0000", "1000 000", "a1000-000"]
)
def test_wrong_postal_codes(text: str) -> None:
    assert not check.is_postal_code(text)


@pytest.mark.parametrize(
    "text", ["AA-00-0", "KA-00-00", "00-00-YY", "00-WA-00", "AAA-00-A", "00-00-00", ""]
)
def test_wrong_plates(text: str) -> None:
    assert not check.is_licence_plate(text)


@pytest.mark.parametrize("text", ["ana@exemplo.pt", "a.b+c@d.e-f.com", "joão@praça.pt", " a@b.pt "])
def test_right_emails(text: str) -> None:
    assert check.is_email(text)


@pytest.mark.parametrize(
    "text", ["ana@exemplo", "@a.pt", "a@.pt", "a b@c.pt", "a..b@c.pt", "a@b.p", "a" * 260 + "@b.pt"],
)  # fmt: skip
def test_wrong_emails(text: str) -> None:
    assert not check.is_email(text)


@pytest.mark.parametrize(
    "text", ["9780000000002", "4111111111111112", "0000000000000000", "41111111", ""]
)
def test_wrong_cards(text: str) -> None:
    assert not check.is_payment_card(text)


@given(st.text())
def test_plain_moves_no_character(text: str) -> None:
    assert len(check.plain(text)) == len(text)


@given(st.text())
def test_any_text_is_answered(text: str) -> None:
    for name in dir(check):
        if name.startswith("is_"):
            assert getattr(check, name)(text) in (True, False)
