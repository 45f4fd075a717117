"""What a response may be: the families, each with all that is known of it."""

from hierbayes.families.base import FAMILIES as FAMILIES
from hierbayes.families.base import GAUSSIAN as GAUSSIAN
from hierbayes.families.base import NO_MEAN as NO_MEAN
from hierbayes.families.base import Family as Family
from hierbayes.families.base import Values as Values
from hierbayes.families.base import family as family
from hierbayes.families.base import on_location as on_location
